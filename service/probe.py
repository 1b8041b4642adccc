"""Ask a running service how it is, for a container's health check: no curl, no shell."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import Final

from service.settings import Settings

PROBE_SECONDS: Final = 2.0
"""Longest wait for an answer; shorter than the health check's own limit."""

_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # addresses to compare with


def obstacle_of(settings: Settings, path: str) -> str | None:
    """Return why the service that these settings start does not answer 200; None when it does."""
    host = _LOOPBACK.get(settings.host, settings.host)
    connection = HTTPConnection(host, settings.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"no answer from {host}:{settings.port} ({type(error).__name__})"
    finally:
        connection.close()
    return None if status == 200 else f"{path} answered {status}"  # noqa: PLR2004  # HTTP's OK
