"""A visitor of the page: opens it as this or that browser, and keeps what no flow may ever do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    FilePayload,
    Page,
    Request,
    Route,
)

from tests.drawings import drawing


def upload(name: str, data: bytes, media_type: str = "image/jpeg") -> FilePayload:
    """Return a file as a browser uploads it."""
    return {"name": name, "mimeType": media_type, "buffer": data}


def drawn(name: str = "barco", file: str = "") -> FilePayload:
    """Return one of the drawings, under its own name or another."""
    return upload(file or f"{name}.jpg", drawing(name))


BROKEN = upload("dañada.jpg", drawing("barco")[:2000])


OVER = """() => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File(["x"], "x.png", { type: "image/png" }));
  const drop = document.getElementById("drop");
  drop.dispatchEvent(new DragEvent("dragover", { dataTransfer, bubbles: true, cancelable: true }));
}"""
"""Holds a file over the page, as the browser's own event says it."""


COUNTED = """() => {
  const plain = window.fetch;
  let turn = 0;
  window.fetch = (address, options = {}) => {
    if (!String(address).includes("/v1/labels")) return plain(address, options);
    const headers = { ...options.headers, "X-Turn": String(turn++) };
    return plain(address, { ...options, headers });
  };
}"""
"""Numbers what the page sends to be labelled, from nought."""


def choose(page: Page, *files: FilePayload) -> None:
    """Give files to the page's form."""
    page.locator("#files").set_input_files(list(files))


def submit(page: Page) -> None:
    """Press the button of the form."""
    page.locator("#send").click()


def decide(page: Page, *decisions: str) -> None:
    """Have the service's answers say these decisions in the page's own order, the last for all.

    Images that are sent at once may arrive in any order, so each says which turn it had.
    """
    page.evaluate(COUNTED)

    def change(route: Route) -> None:
        turn = int(route.request.headers["x-turn"])
        decision = decisions[min(turn, len(decisions) - 1)]
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"decision": decision})

    page.route("**/v1/labels*", change)


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

    def source(self, path: str, **form: Any) -> str:
        """Return a page as it is sent, before a browser mends it; with a form, its answer."""
        context = self.browser.new_context(base_url=self.address)
        self.contexts.append(context)
        asked = context.request
        if not form:
            return asked.get(path).text()
        return asked.post(path, multipart=form["file"]).text()

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.address + "/", f"blob:{self.address}/")):
            self.foreign.append(request.url)

    def _note_message(self, message: ConsoleMessage) -> None:
        # A refused image is answered with a 4xx, which Chromium writes to the console too.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)
