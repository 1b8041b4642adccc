"""Another site than ours: a page with the element, and the proxy that holds the site's key.

To a program it is a service that asks for keys: it takes calls at the service's own path too.
"""

from __future__ import annotations

import http.client
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from service.embedding import EXAMPLE_SITE

PAGES = Path(__file__).resolve().parents[1] / "docs" / "examples" / "element"
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
PASSED_ON = ("Content-Type", "Retry-After")


@dataclass
class Site:
    """A running site; tests tell it what to refuse, and read what it did."""

    port: int
    service: str = ""
    """The service that it uses, which asks for its key."""
    open_service: str = ""
    """One that asks its pages for none."""
    key: str = ""
    allows: str = "'self'"
    """What the page's policy lets scripts call."""
    page: str = ""
    """The page to give in place of the example's, where a test has one of its own."""
    refusals: deque[tuple[int, Mapping[str, str], bytes]] = field(default_factory=deque)
    keys: list[str | None] = field(default_factory=list)
    """What was sent to it as Authorization."""
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def policy(self) -> str:
        """Strict: no inline style or script, no image by blob:, no markup from strings."""
        return (
            f"default-src 'none'; script-src 'self' {self.service} {self.open_service}; "
            "style-src 'self'; "
            f"connect-src {self.allows}; form-action 'self'; base-uri 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )


class _Handler(BaseHTTPRequestHandler):
    site: ClassVar[Site]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.lstrip("/") or "index.html"
        file = PAGES / path
        if path == "index.html" and self.site.page:
            content = self.site.page
        elif file.is_file():
            content = file.read_text("utf-8").replace(EXAMPLE_SITE, self.site.service)
        else:
            self._answer(404, {}, b"")
            return
        kind = f"{MEDIA_TYPES[file.suffix]}; charset=utf-8"
        headers = {"Content-Type": kind, "Content-Security-Policy": self.site.policy}
        self._answer(200, headers, content.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = urlsplit(self.path)
        if asked.path not in {"/etiquetas", "/v1/labels"}:
            self.site.forms.append(parse_qs(body.decode(), keep_blank_values=True))
            self._answer(200, {"Content-Type": "text/html"}, b"<title>Guardada</title>")
        elif self.site.refusals:
            self._answer(*self.site.refusals.popleft())
        else:
            self.site.keys.append(self.headers["Authorization"])
            self._answer(*self._ask_the_service(asked.query, body))

    def _ask_the_service(self, query: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.site.service).netloc, timeout=30)
        headers = {
            "Content-Type": self.headers["Content-Type"],
            "Authorization": f"Bearer {self.site.key}",
        }
        connection.request("POST", f"/v1/labels?{query}", body, headers)
        answer = connection.getresponse()
        passed = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
        content = answer.read()
        connection.close()
        return answer.status, passed, content

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Say nothing: a test reads what the site kept."""


@contextmanager
def running_site() -> Iterator[Site]:
    """Run a site on a free port; its service is told to it later."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    site = Site(server.server_port)
    server.RequestHandlerClass = type("Handler", (_Handler,), {"site": site})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
