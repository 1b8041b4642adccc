"""The page at ``/transparencia``: the record of the algorithm, complete without any script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from jinja2 import Environment

from service.assets import Assets
from service.i18n import Catalogue
from service.pages import LANGUAGE_NAMES, STATIC_PATH, EditorPage, PageRequest
from service.transparency import TransparencyRecord, record_of
from service.wording import Lang

TEMPLATE: Final = "transparencia.html"
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")


@dataclass(frozen=True, slots=True)
class TransparencyPage:
    """Renders the record; immutable."""

    catalogues: Mapping[Lang, Catalogue]
    assets: Assets
    environment: Environment

    @classmethod
    def beside(cls, page: EditorPage) -> Self:
        """Return the page with the words, files and templates of the editor's."""
        return cls(page.catalogues, page.assets, page.environment)

    def render(self, asked: PageRequest) -> str:
        """Return the page; before a model is loaded it says that, and nothing of a model."""
        t = self.catalogues[asked.lang]
        manifest = asked.manifest
        record = None if manifest is None else record_of(manifest, asked.settings, t)
        return self.environment.get_template(TEMPLATE).render(
            t=t,
            record=record,
            contact=_address(record),
            base=asked.base,
            static=f"{asked.base}{STATIC_PATH}/{self.assets.digest}",
            languages=LANGUAGE_NAMES,
            manifest=manifest,
        )


def _address(record: TransparencyRecord | None) -> str | None:
    """Return the link to whoever answers; None where the contact is words, or nothing."""
    contact = (record and record.responsible.contact) or ""
    if _EMAIL.fullmatch(contact):
        return f"mailto:{contact}"
    return contact if contact.startswith("https://") else None
