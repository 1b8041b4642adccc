"""What can go wrong in a call, and when it is worth another try.

::

    ClientError
    ├── Problem             the service (or a proxy before it) refused; has its status and words
    ├── NoConnection        no answer came
    │   └── TimedOut        ... in time
    └── UnexpectedAnswer    what came is no answer of this API
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

PASSING: Final = frozenset({429, 502, 503, 504})
"""Statuses after which the same call may well succeed."""

_FIRST_BACKOFF_SECONDS: Final = 0.5


class ClientError(Exception):
    """A call did not end with what was asked for."""


class NoConnection(ClientError):
    """No answer came."""


class TimedOut(NoConnection):
    """No answer came in time; not tried again, since the time was the caller's to give."""


class UnexpectedAnswer(ClientError):
    """What came is no answer of this API: the address is another's, or a far newer version's."""


class Problem(ClientError):
    """The service refused (RFC 9457); ``detail`` is a sentence for a person.

    ``retry_after`` is in seconds, None where the service named no time. An answer that is no
    problem+json, such as a proxy's own, has the type ``about:blank``.
    """

    def __init__(
        self,
        *,
        type: str,  # noqa: A002  # RFC 9457 calls it so
        title: str,
        status: int,
        detail: str = "",
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.type = type
        self.title = title
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after
        super().__init__(f"{status} {self.slug}: {detail or title}")

    @property
    def slug(self) -> str:
        """The last part of the type: ``overloaded``, ``image-too-large``."""
        return self.type.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient a client is: calls in all, and the longest single wait (seconds).

    A ``Retry-After`` is obeyed to the second; one beyond ``longest_wait`` is raised at once, so
    that the caller may come back when it suits. Without one, waits double from half a second.
    """

    attempts: int = 4
    longest_wait: float = 60.0

    def wait_after(self, attempt: int, failure: ClientError) -> float | None:
        """Return the seconds to wait after the failure of a call (from 1), None to give up."""
        if attempt >= self.attempts or not _is_passing(failure):
            return None
        if isinstance(failure, Problem) and failure.retry_after is not None:
            asked = failure.retry_after
            return asked if asked <= self.longest_wait else None
        backoff: float = min(_FIRST_BACKOFF_SECONDS * 2.0 ** (attempt - 1), self.longest_wait)
        return backoff * random.uniform(0.5, 1.0)  # noqa: S311  # apart from others, not secret


def _is_passing(failure: ClientError) -> bool:
    if isinstance(failure, Problem):
        return failure.status in PASSING
    return isinstance(failure, NoConnection) and not isinstance(failure, TimedOut)
