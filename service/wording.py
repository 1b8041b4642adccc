"""The two languages that the service speaks, and sentences that exist in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Lang = Literal["es", "en"]
DEFAULT_LANG: Final[Lang] = "es"


@dataclass(frozen=True, slots=True)
class Wording:
    """One sentence in both languages; a ``{name}`` in it stands for a fact of the error."""

    es: str
    en: str

    def say(self, lang: Lang, **facts: object) -> str:
        """Return the sentence in one language with its facts filled in."""
        return (self.en if lang == "en" else self.es).format(**facts)
