"""A visitor of the page: opens it as this or that browser, and keeps what no flow may ever do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request


@dataclass
class Visitor:
    """Opens pages of the service, and keeps what no flow may ever do."""

    browser: Browser
    address: str
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, path: str = "/", **options: Any) -> Page:
        """Open a page in a context of its own; options are Playwright's for a context."""
        chosen = {"locale": "es-CL", "viewport": {"width": 1280, "height": 800}, **options}
        context = self.browser.new_context(**chosen)
        self.contexts.append(context)
        page = context.new_page()
        page.on("request", self._note_request)
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.address + path)
        return page

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.address + "/", f"blob:{self.address}/")):
            self.foreign.append(request.url)

    def _note_message(self, message: ConsoleMessage) -> None:
        # A refused image is answered with a 4xx, which Chromium writes to the console too.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)
