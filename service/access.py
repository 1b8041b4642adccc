"""Who may do what: API keys, the scopes that need none, and how many requests a client may send.

A scope that is open needs no key: by the setting ``open``, and on loopback, where there are no
keys, all but ``admin``, since a proxy on the same machine would hand that to the whole world.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from starlette.types import Scope

from service.access_metrics import AccessMetrics
from service.addresses import client_of, is_loopback
from service.errors import StartupError
from service.keys import SCOPES, KeyFileError, KeyRing, KeyScope
from service.rates import ClientKind, Rates
from service.refusals import Forbidden, TooManyRequests, Unauthorized
from service.settings import Settings, flag, variable

WATCH_SECONDS: Final = 1.0
"""How long a revoked key still works."""

_AUTHORIZATION: Final = b"authorization"
_BEARER: Final = b"bearer "
_log = structlog.get_logger()


class Access:
    """The keys, the open scopes and the rate limits of one application."""

    def __init__(self, settings: Settings, metrics: AccessMetrics) -> None:
        """Read the keys.

        Raises:
            KeyFileError: the file of keys is missing or broken.
        """
        self._keys = KeyRing(settings.keys)
        self._metrics = metrics
        self._trusted = settings.trusted_proxies
        self._rates = Rates(settings, metrics)
        self.open_scopes = open_scopes(settings)
        metrics.keys_known(len(self._keys))

    async def admit(self, scope: Scope, needed: KeyScope) -> None:
        """Let a request in, and count it: by its key, else by the client's address.

        Raises:
            Unauthorized: the scope needs a key, and the request has none that is known.
            Forbidden: its key has not this scope.
            TooManyRequests: its client sent more than it may.
        """
        text = _bearer(scope)
        key = self._keys.find(text) if text else None
        if key is not None:
            scope["state"]["key"] = key.id
        await self.charge(scope)
        if needed in self.open_scopes:
            # Whatever else is in the header may be meant for a proxy before us.
            return
        if key is None:
            raise Unauthorized(given=bool(text))
        if needed not in key.scopes:
            raise Forbidden(needed)

    async def charge(self, scope: Scope, amount: int = 1, *, already: int = 0) -> None:
        """Count ``amount`` more requests of the client, and tell it how it stands.

        ``already`` is what was counted of the same upload.

        Raises:
            TooManyRequests: they are more than it may send.
        """
        kind = _kind(scope)
        if not (amount and self._rates.limits(kind)):
            return
        client = self._client(scope)
        standing = await self._rates.charge(kind, client, amount, already=already)
        scope["state"]["fields"] = standing.fields
        if standing.wait_seconds is not None:
            raise TooManyRequests(standing.wait_seconds)

    def caller(self, scope: Scope) -> str:
        """Return a name for who sent an admitted request; it tells neither key nor address."""
        return self._rates.pseudonym(_kind(scope), self._client(scope))

    def refresh_keys(self, *, force: bool = False) -> None:
        """Read the file of keys again if it changed; a broken one changes nothing."""
        try:
            read = self._keys.refresh(force=force)
        except KeyFileError as error:
            self._metrics.count_key_reload("failed")
            _log.error("keys unchanged", reason=str(error))  # the reason is all
            return
        if read:
            self._metrics.count_key_reload("done")
            self._metrics.keys_known(len(self._keys))
            _log.info("keys read", keys=len(self._keys))

    async def watch_keys(self) -> None:
        """Look at the file of keys every second, in a thread, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await asyncio.to_thread(self.refresh_keys)

    async def close(self) -> None:
        """Let go of what the rate limits hold."""
        await self._rates.close()

    def _client(self, scope: Scope) -> str:
        return scope["state"].get("key") or client_of(scope, self._trusted)


def _kind(scope: Scope) -> ClientKind:
    return "key" if "key" in scope["state"] else "address"


def open_scopes(settings: Settings) -> frozenset[KeyScope]:
    """Return the scopes that anyone has."""
    if settings.open or settings.keys is not None or not is_loopback(settings.host):
        return settings.open
    return frozenset(SCOPES) - {"admin"}


def check_exposure(settings: Settings) -> None:
    """Refuse to be open to others by accident, and be loud about it on purpose.

    Raises:
        StartupError: others than this machine would have to be let in, or shut out, by guess.
    """
    if is_loopback(settings.host):
        return
    if settings.keys is None and not settings.open:
        raise StartupError(
            f"{settings.host} can be reached from other machines, and there are no API keys: "
            f"make one with `rotulo key new` and name the file with {flag('keys')} or "
            f"{variable('keys')}; or let anyone in on purpose with {flag('open')} label "
            f"({variable('open')}); or listen on 127.0.0.1"
        )
    if settings.open:
        _log.warning(
            "open to everyone",
            host=settings.host,
            scopes=sorted(settings.open),
            rate_limit_address=bool(settings.rate_limit_address),
            advice="only a proxy with a login of its own, or a closed network, should reach this",
        )


def _bearer(scope: Scope) -> str:
    """Return the token of ``Authorization: Bearer`` (RFC 6750), empty where there is none."""
    for name, value in scope["headers"]:
        if name == _AUTHORIZATION:
            if value[: len(_BEARER)].lower() == _BEARER:
                return str(value[len(_BEARER) :].strip().decode("latin-1"))
            break
    return ""
