"""What another site needs to show the element ``<rotulo-etiquetas>``: address, integrity, words.

A file of a released number never changes, for sites name its digest: whatever is new in it goes
into a file of the next number, and the old one stays where it is (``docs/api.md``).
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from service.assets import STATIC
from service.errors import (
    DeadlineExceeded,
    InternalError,
    Overloaded,
    PayloadTooLarge,
    RotuloError,
    UnsupportedImage,
    UploadTimeout,
)
from service.i18n import Catalogue, load_catalogues
from service.pages import FORMAT_NAMES, STATIC_PATH
from service.refusals import Forbidden, TooManyRequests, Unauthorized
from service.wording import DEFAULT_LANG, Lang

ELEMENT: Final = "rotulo-etiquetas"
NEWEST: Final = "rotulo-etiquetas.v1.js"
EXAMPLE_SITE: Final = "https://rotulo.example.cl"
EXAMPLE_PROXY: Final = "/etiquetas"

_GROUPS: Final = ("decision", "meaning", "widget")
_KEYS: Final = (
    "announce.removed", "card.holding", "card.queued", "card.remove", "card.retry", "card.sending",
    "error.network", "form.choose", "problem.network", "problem.unknown", "results.heading",
    "unit.above", "unit.below", "unit.percent",
)  # fmt: skip
_TITLED: Final[tuple[type[RotuloError], ...]] = (
    Unauthorized, Forbidden, UploadTimeout, PayloadTooLarge, UnsupportedImage, TooManyRequests,
    Overloaded, DeadlineExceeded, InternalError,
)  # fmt: skip
"""What a status alone tells, where a proxy refuses in words of its own."""


@dataclass(frozen=True, slots=True)
class Module:
    """One release of the element: the name of its file, and its digest as browsers check it."""

    name: str
    integrity: str

    @property
    def path(self) -> str:
        """The path at the service, for good."""
        return f"{STATIC_PATH}/{self.name}"

    def lines(
        self, site: str = EXAMPLE_SITE, proxy: str = EXAMPLE_PROXY, lang: Lang = DEFAULT_LANG
    ) -> str:
        """Return the two lines for a page: ``site`` serves the module, ``proxy`` has the key."""
        source = html.escape(urljoin(site.rstrip("/") + "/", self.path.lstrip("/")))
        posted_to = f' src="{html.escape(proxy)}"' if proxy else ""
        return (
            f'<script type="module" src="{source}" integrity="{self.integrity}" '
            f'crossorigin="anonymous"></script>\n'
            f'<{ELEMENT}{posted_to} name="etiquetas" lang="{lang}"></{ELEMENT}>\n'
        )


def integrity_of(content: bytes) -> str:
    """Return the digest of a file as the attribute ``integrity`` takes it (W3C, SRI)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode("ascii")


def modules() -> tuple[Module, ...]:
    """Return every release of the element that is served, by name."""
    return tuple(
        Module(path.name, integrity_of(path.read_bytes()))
        for path in sorted(STATIC.glob(f"{ELEMENT}.v*.js"))
    )


def newest_module() -> Module:
    """Return the release that a new page should take."""
    return next(module for module in modules() if module.name == NEWEST)


def words() -> str:
    """Return the part of the newest module that holds words: ``make docs`` writes it there."""
    told = {lang: _told(catalogue) for lang, catalogue in load_catalogues().items()}
    lines = [
        f"const WORDS = {json.dumps(told, ensure_ascii=False, indent=2)};",
        f"const MEDIA_TYPES = {json.dumps(dict(FORMAT_NAMES), indent=2)};",
    ]
    return "\n".join(lines)


def _told(catalogue: Catalogue) -> dict[str, object]:
    lang = catalogue.lang
    slugs = {key for key in catalogue.texts if key.startswith("error.")} & _error_keys()
    texts = {
        **catalogue.group(*_GROUPS),
        **{key: catalogue.texts[key] for key in (*_KEYS, *sorted(slugs))},
        **{f"problem.{kind.slug}": kind.title.say(lang) for kind in _TITLED},
    }
    return {
        "lang": lang,
        "locale": catalogue.tag,
        "formats": catalogue.alternatives(tuple(FORMAT_NAMES.values())),
        "texts": dict(sorted(texts.items())),
    }


def _error_keys() -> set[str]:
    """Return the keys of the refusals of an upload whose words need no limit of the service."""
    from service.routes.labels import OF_AN_IMAGE, OF_AN_UPLOAD  # noqa: PLC0415  # not to serve

    kinds: tuple[type[RotuloError], ...] = (*_TITLED, *OF_AN_UPLOAD, *OF_AN_IMAGE)
    return {f"error.{kind.slug}" for kind in kinds if kind is not PayloadTooLarge}
