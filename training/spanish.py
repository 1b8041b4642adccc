"""Numbers, dates and times as they are written in Chile (es-CL)."""

from datetime import date

NO_BREAK = "\N{NO-BREAK SPACE}"
_SWAP = str.maketrans(",.", ".,")


def number(value: float, decimals: int = 0) -> str:
    """12345.678 with one decimal is `12.345,7`."""
    return f"{value:,.{decimals}f}".translate(_SWAP)


def significant(value: float, digits: int = 4) -> str:
    """0.0000012345 with four digits is `1,234e-06`, and 0.94051 is `0,9405`."""
    return f"{value:.{digits}g}".translate(_SWAP)


def percent(share: float, decimals: int = 1) -> str:
    """A share of 0.873 is `87,3 %`, without a line break inside."""
    return f"{number(100 * share, decimals)}{NO_BREAK}%"


def duration(seconds: float) -> str:
    """8130 seconds are `2 h 15 min`, 95 are `1 min 35 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}{NO_BREAK}h {minutes}{NO_BREAK}min"
    if minutes:
        return f"{minutes}{NO_BREAK}min {rest}{NO_BREAK}s"
    return f"{rest}{NO_BREAK}s"


def day(value: date) -> str:
    """21 November 2026 is `21-11-2026`."""
    return f"{value:%d-%m-%Y}"
