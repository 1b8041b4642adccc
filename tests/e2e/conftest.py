"""The real service as a process of its own, and Debian's Chromium to visit it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from service.keys import new_key
from tests.browsing import Visitor
from tests.bundles import write_bundle
from tests.site import Site, running_site
from tests.unmeasured import unmeasured

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STEP_MILLISECONDS = 20_000  # a bound on waiting for one thing on a busy machine
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream",  # a green picture with a clock; permission is asked
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    """Ask /readyz until it answers 200; fail when the process ends or the time is over."""
    pause = Event()
    for _ in range(START_SECONDS * 10):
        if process.poll() is not None:
            pytest.fail(f"the service ended with {process.returncode} before it was ready")
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            pause.wait(0.1)
    pytest.fail(f"the service was not ready after {START_SECONDS} s")


@pytest.fixture(scope="session")
def service_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the service with a tiny bundle and give its address."""
    bundles = tmp_path_factory.mktemp("bundles")
    write_bundle(bundles)
    database = f"sqlite:///{bundles / 'feedback.db'}"
    with serving("--bundles", str(bundles), "--feedback-url", database) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Start Chromium for one module: Playwright's loop must end before other tests need theirs."""
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    expect.set_options(timeout=STEP_MILLISECONDS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield running
        running.close()


@pytest.fixture
def visitor(browser: Browser, service_address: str) -> Iterator[Visitor]:
    """Give a visitor; whatever the test did, nobody else was asked and no policy was broken."""
    visiting = Visitor(browser, service_address)
    yield visiting
    for context in visiting.contexts:
        context.close()
    assert visiting.foreign == []
    assert visiting.complaints == []


@contextmanager
def serving(*flags: str) -> Iterator[str]:
    """Run a service of its own for some tests, and give its address."""
    port = free_port()
    command = [
        sys.executable, "-m", "service", "serve", "--port", str(port), "--lame-duck-seconds", "0",
        "--max-upload-bytes", "1048576", *flags,
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=unmeasured())
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def site_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a site, a service that asks it for its key, and one that asks its pages for none."""
    folder = tmp_path_factory.mktemp("site")
    bundles = str(folder / "bundles")
    # so that the first label is always accepted
    write_bundle(folder / "bundles", accept=0.05, review=0.01)
    text, key = new_key(["label"])
    (folder / "keys").write_text(key.line() + "\n", "utf-8")
    with (
        running_site() as site,
        serving("--bundles", bundles, "--keys", str(folder / "keys")) as locked,
        serving("--bundles", bundles, "--cors-origins", site.address) as unlocked,
    ):
        site.service, site.open_service, site.key = locked, unlocked, text
        yield site


@pytest.fixture
def site(site_for_all: Site) -> Site:
    """Give the other site with nothing kept of the test before."""
    sites = site_for_all
    sites.allows, sites.page = "'self'", ""
    for kept in (sites.refusals, sites.keys, sites.forms):
        kept.clear()
    return sites
