"""The words of the pages: one catalogue per language, with numbers written as its readers do.

A catalogue is a flat JSON object in ``service/locales``. Keys are ``group.name``; a text that
depends on a number has the two keys ``….one`` and ``….other``, which is all that Spanish and
English need here (CLDR plural rules, without the millions of Spanish).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, get_args

from service.wording import Lang

LOCALES: Final = Path(__file__).parent / "locales"
LANGUAGES: Final[tuple[Lang, ...]] = get_args(Lang)

_REGION: Final[Mapping[Lang, str]] = MappingProxyType({"es": "es-CL", "en": "en"})
_LEAST, _MOST = 0.001, 0.999
_MIB: Final = 2**20
_MB: Final = 10**6


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every text of one language; asking for a key that it lacks raises KeyError."""

    lang: Lang
    texts: Mapping[str, str]

    @property
    def tag(self) -> str:
        """The BCP 47 tag for the ``lang`` attribute and for ``Intl``."""
        return _REGION[self.lang]

    def text(self, key: str, **values: object) -> str:
        """Return a text with its ``{name}`` places filled in."""
        return self.texts[key].format(**values)

    def count(self, key: str, n: int, **values: object) -> str:
        """Return the singular or plural of a text that depends on ``n``."""
        form = "one" if n == 1 else "other"
        return self.text(f"{key}.{form}", n=n, **values)

    def decimal(self, value: float, places: int) -> str:
        """Return a number with a fixed count of decimals, without digit grouping."""
        written = f"{value:.{places}f}"
        return written.replace(".", ",") if self.lang == "es" else written

    def integer(self, value: int) -> str:
        """Return a whole number with its thousands apart."""
        return f"{value:,}".replace(",", "." if self.lang == "es" else ",")

    def date(self, moment: datetime) -> str:
        """Return the day of a moment: ``22-11-2026`` in Chile, ``2026-11-22`` in English."""
        return moment.strftime("%d-%m-%Y" if self.lang == "es" else "%Y-%m-%d")

    def percent(self, score: float) -> str:
        """Return a score in 0–1 as a percentage of one decimal, never as a flat 0 or 100.

        A softmax is neither impossible nor certain, so what rounds to one of the two ends is
        written as less or more than the last figure before it.
        """
        kept = min(max(score, _LEAST), _MOST)
        written = self.text("unit.percent", value=self.decimal(100 * kept, 1))
        if score < _LEAST:
            return self.text("unit.below", value=written)
        if score > _MOST:
            return self.text("unit.above", value=written)
        return written

    def megabytes(self, size: int) -> str:
        """Return a size in bytes as megabytes, decimal where they are whole, rounded down."""
        tenths = 10 * size // (_MB if size % _MB == 0 else _MIB)
        return self.text("unit.megabytes", value=self.decimal(tenths / 10, 1 if tenths % 10 else 0))

    def alternatives(self, items: Sequence[str]) -> str:
        """Return ``a, b o c``."""
        *rest, last = items
        return self.text("unit.or", first=", ".join(rest), last=last) if rest else last

    def together(self, items: Sequence[str]) -> str:
        """Return ``a, b y c``."""
        *rest, last = items
        return self.text("unit.and", first=", ".join(rest), last=last) if rest else last

    def group(self, *names: str) -> dict[str, str]:
        """Return the texts of some groups, as the script of a page is given them."""
        return {key: text for key, text in self.texts.items() if key.split(".")[0] in names}


def load_catalogues(folder: Path = LOCALES) -> Mapping[Lang, Catalogue]:
    """Read the catalogue of every language; raises OSError or ValueError when one is unusable."""
    return MappingProxyType(
        {
            lang: Catalogue(
                lang=lang,
                texts=MappingProxyType(
                    json.loads((folder / f"{lang}.json").read_text(encoding="utf-8"))
                ),
            )
            for lang in LANGUAGES
        }
    )
