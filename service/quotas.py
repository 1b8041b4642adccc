"""How a quota is written in a setting: ``600/minute``, or several, ``10/second;600/minute``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """So many requests at most in each window of so many seconds."""

    amount: int
    seconds: int


def parse_quotas(text: str) -> tuple[Quota, ...]:
    """Return the quotas of a text in the notation of ``limits``; none of an empty text.

    Raises:
        ValueError: it is not in that notation, or lets nothing through.
    """
    if not text.strip():
        return ()
    from limits import parse_many  # noqa: PLC0415  # 0.2 s that a service without limits saves

    quotas = tuple(Quota(item.amount, item.get_expiry()) for item in parse_many(text))
    if any(quota.amount < 1 or quota.seconds < 1 for quota in quotas):
        raise ValueError(f"{text!r} lets nothing through")
    return quotas
