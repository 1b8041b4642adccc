"""What a client is told who may not do this, or not so often."""

from __future__ import annotations

from service.errors import RotuloError, whole_seconds
from service.wording import Wording


class Unauthorized(RotuloError):
    """The route needs an API key, and the request has none that is known (RFC 6750, 3)."""

    status = 401
    slug = "unauthorized"
    title = Wording("Falta una clave", "Key required")
    sentence = Wording(
        "Envíe una clave válida en «Authorization: Bearer».",
        "Send a valid key in “Authorization: Bearer”.",
    )

    def __init__(self, *, given: bool = False) -> None:
        """Take whether a key was given at all."""
        super().__init__()
        error = ', error="invalid_token"' if given else ""
        self.headers = {"WWW-Authenticate": f'Bearer realm="rotulo"{error}'}


class Forbidden(RotuloError):
    """The request's API key has not the scope that the route needs (RFC 6750, 3.1)."""

    status = 403
    slug = "forbidden"
    title = Wording("Sin permiso", "Not permitted")
    sentence = Wording(
        "La clave no tiene el permiso «{scope}».", "The key lacks the scope “{scope}”."
    )

    def __init__(self, scope: str) -> None:
        super().__init__(scope=scope)
        challenge = f'Bearer realm="rotulo", error="insufficient_scope", scope="{scope}"'
        self.headers = {"WWW-Authenticate": challenge}


class TooManyRequests(RotuloError):
    """This client sends more than its share; may come back after some seconds."""

    status = 429
    slug = "too-many-requests"
    title = Wording("Demasiadas peticiones", "Too many requests")
    sentence = Wording(
        "Demasiadas peticiones; espere {seconds} s.", "Too many requests; wait {seconds} s."
    )

    def __init__(self, retry_after: float) -> None:
        seconds = whole_seconds(retry_after)
        super().__init__(seconds=seconds)
        self.headers = {"Retry-After": seconds}
