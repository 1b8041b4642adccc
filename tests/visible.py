"""What a person may see or hear of a page."""

from __future__ import annotations

from html.parser import HTMLParser


class VisibleText(HTMLParser):
    """Collects what a person may see or hear: text, and attributes that are read out."""

    SPOKEN = frozenset({"alt", "aria-label", "placeholder", "title"})

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        self.said += [value for name, value in attrs if name in self.SPOKEN and value]
        if tag == "meta" and ("name", "description") in attrs:
            self.said.append(dict(attrs)["content"] or "")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._in_script:
            self.said.append(data.strip())
