"""The documents say what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from prometheus_client import CollectorRegistry

from docs.pictures import FOLDER, MOST_BYTES, STATES, WIDTHS, picture
from docs.refresh import PARTS, README, WHOLE, read, refreshed
from service.errors import RotuloError
from service.feedback.metrics import FeedbackMetrics
from service.settings import Settings, variable
from tests.architecture.tree import files
from tests.promql import existing_names, names_on

UNBOUND = {"port", "gpu_device", "reload_seconds", "rate_limit_redis"}
"""What bounds nothing: which door, which device, how often to look, where to count."""


@pytest.mark.parametrize("path", [*PARTS, *WHOLE], ids=lambda path: path.name)
def test_what_is_generated_is_fresh(path: Path) -> None:
    """`make docs` writes it."""
    assert refreshed(path, read(path)) == read(path)


def test_a_readme_without_its_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="must stand once, found 0 times"):
        refreshed(README, "# A document")


def test_a_changed_table_is_written_anew() -> None:
    text = README.read_text("utf-8")
    assert refreshed(README, text.replace(variable("max_queue"), "ROTULO_OLD_NAME")) == text


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_documented(field: str) -> None:
    assert f"`{variable(field)}`" in README.read_text("utf-8")


@pytest.fixture
def bounds(root: Path) -> list[list[str]]:
    """Return the rows of the table of bounds: bound, setting, metric, answer."""
    text = (root / "docs" / "operations.md").read_text("utf-8").partition("\n## Bounds\n")[2]
    rows = [re.split(r" *\| *", line.strip("| ")) for line in text.splitlines() if "|" in line]
    return rows[2:]


def test_every_setting_that_is_a_bound_is_in_the_table_of_bounds(bounds: list[list[str]]) -> None:
    numbers = {
        name
        for name, field in Settings.model_fields.items()
        if field.annotation in {int, float} or name.startswith("rate_limit_")
    }
    named = set(re.findall(r"`(ROTULO_\w+)`", "".join(row[1] for row in bounds)))
    assert {variable(name) for name in numbers - UNBOUND} - named == set()
    assert {variable(name) for name in Settings.model_fields} >= named


def test_every_bound_tells_its_metric_and_its_answer(bounds: list[list[str]]) -> None:
    registry = CollectorRegistry()
    FeedbackMetrics(registry, pending=int, bound=1)
    known = existing_names() | names_on(registry)
    known |= {name.removesuffix("_bucket") for name in known}
    slugs = {kind.slug for kind in _kinds(RotuloError)}
    assert len(bounds) > 40
    for row in bounds:
        assert [cell for cell in row if cell] == row, row
        assert len(row) == 4, row
        assert set(re.findall(r"\b(?:rotulo|process)_\w+", row[2])) <= known, row
        assert set(re.findall(r'reason="([^"]+)"', row[2])) <= slugs, row
    shown = set(re.findall(r"\brotulo_\w+", "".join(row[2] for row in bounds)))
    assert {name for name in known if re.search(r"_bound(_bytes)?$", name)} <= shown


def _kinds(kind: type[RotuloError]) -> Iterator[type[RotuloError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)


def test_every_link_within_the_documents_leads_somewhere(root: Path) -> None:
    links = [
        (path, target)
        for path in files(root, "*.md")
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (root / path).read_text("utf-8"))
        if "://" not in target
    ]
    assert links
    assert [link for link in links if not (root / link[0].parent / link[1]).exists()] == []


def test_every_state_of_the_page_has_its_pictures_at_every_width() -> None:
    """`python -m docs.screenshots` takes them."""

    def width_of(path: Path) -> int:
        with Image.open(path) as image:
            return image.width

    widths = {path.name: width_of(path) for path in FOLDER.iterdir()}
    assert widths == {picture(state, width).name: width for state in STATES for width in WIDTHS}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MOST_BYTES


def test_every_target_of_make_that_the_documents_name_exists(root: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        target
        for path in files(root, "README.md", "CONTRIBUTING.md", "docs/*.md")
        for target in re.findall(r"\bmake ([a-z]+)\b(?=[`\s=A-Z])", _code(root / path))
    }
    assert named
    assert named - targets == set()


def _code(path: Path) -> str:
    """Return what stands in code blocks and between backticks."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", path.read_text("utf-8"), re.DOTALL))
