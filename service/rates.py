"""How many requests one client may send: by API key, or by address where there is none.

One image is one request; each further file of a batch is one more. Told with every answer, by the
fields of draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from service.access_metrics import AccessMetrics
from service.quotas import Quota
from service.settings import Settings
from service.windows import MemoryWindows, RedisWindows, SharedWindows, Windows

ClientKind = Literal["key", "address"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client stands: the header fields that tell it, and how long (seconds) it must wait."""

    fields: dict[str, str]
    wait_seconds: float | None


@dataclass(frozen=True, slots=True)
class _Share:
    """What is left of one quota, and in how many seconds all of it is there again."""

    policy: str
    quota: Quota
    remaining: int
    reset_seconds: float
    exceeded: bool


class Rates:
    """The quotas of one application, and who used how much of them."""

    def __init__(self, settings: Settings, metrics: AccessMetrics) -> None:
        self._quotas: dict[ClientKind, tuple[Quota, ...]] = {
            "key": settings.rate_limit_key,
            "address": settings.rate_limit_address,
        }
        own = MemoryWindows()
        self._windows: Windows = own
        self._secret = secrets.token_bytes(32)
        if settings.rate_limit_redis is not None and any(self._quotas.values()):
            url = settings.rate_limit_redis.get_secret_value()
            # Replicas must agree on the name that a client has in Redis.
            self._secret = hashlib.sha256(url.encode()).digest()
            self._windows = SharedWindows(RedisWindows(url), own, changed=metrics.limits_shared)
        metrics.watch_clients(partial(len, own))

    def limits(self, kind: ClientKind) -> bool:
        """Return whether clients of a kind have a quota at all."""
        return bool(self._quotas[kind])

    async def charge(
        self, kind: ClientKind, client: str, amount: int = 1, *, already: int = 0
    ) -> Standing:
        """Count ``amount`` requests of a client that has quotas; return how it stands.

        An upload larger than a whole quota takes all of it, or it could never be sent; ``already``
        is what was counted of the same one.
        """
        name = self.pseudonym(kind, client)
        shares = [
            await self._count(kind, name, quota, min(amount, quota.amount - already))
            for quota in self._quotas[kind]
        ]
        return Standing(
            _fields(shares), max((s.reset_seconds for s in shares if s.exceeded), default=None)
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._windows.close()

    async def _count(self, kind: ClientKind, name: str, quota: Quota, cost: int) -> _Share:
        count, reset = await self._windows.add(name, quota.seconds, cost)
        return _Share(
            policy=f"{kind}-{quota.seconds}s",
            quota=quota,
            remaining=max(0, quota.amount - count),
            reset_seconds=reset,
            exceeded=count > quota.amount,
        )

    def pseudonym(self, kind: ClientKind, client: str) -> str:
        """Return a name that gives no address away, in a dump of Redis neither."""
        text = f"{kind} {client}".encode()
        return hashlib.blake2b(text, digest_size=16, key=self._secret).hexdigest()


def _fields(shares: Sequence[_Share]) -> dict[str, str]:
    policies = [f'"{s.policy}";q={s.quota.amount};w={s.quota.seconds}' for s in shares]
    states = [f'"{s.policy}";r={s.remaining};t={math.ceil(s.reset_seconds)}' for s in shares]
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}
