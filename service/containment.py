"""What errors may do: never end the event loop, be waited for in vain, or keep an upload.

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


def let_go(error: BaseException) -> None:
    """Have an error that was answered forget the frames that it came through.

    They hold what was uploaded, and often the error as well, which would keep both until the
    garbage collector comes by.
    """
    each = [error]
    for known in each:  # grows meanwhile
        known.__traceback__ = None
        behind = (known.__cause__, known.__context__)
        each += [other for other in behind if other is not None and other not in each]
