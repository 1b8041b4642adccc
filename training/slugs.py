"""Identifiers out of names that people gave: stable, in ASCII, fit for programs."""

import re
import unicodedata

LONGEST = 64


def slug(name: str) -> str:
    """The name in small letters without accents, words joined by `-`; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:LONGEST].rstrip("-_")
