"""What a thread may throw at the event loop: never what would end the loop, or wait for ever.

asyncio lets SystemExit and KeyboardInterrupt pass through the task that awaits a thread and end
the whole process, takes a CancelledError for the caller's own, and cannot carry a StopIteration at
all, so that whoever waits would wait for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from service.errors import InternalError

P = ParamSpec("P")
T = TypeVar("T")


def contained(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do some work, in a thread, and return what it gives.

    Raises:
        Exception: whatever the work raises that a future can carry.
        InternalError: the work raised something else.
    """
    try:
        return work(*args, **kwargs)
    except StopIteration as error:
        raise InternalError from error
    except Exception:
        raise
    except BaseException as error:
        raise InternalError from error
