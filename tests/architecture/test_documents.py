"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from docs.pictures import FOLDER, MOST_BYTES, STATES, WIDTHS, picture
from docs.refresh import PARTS, README, WHOLE, read, refreshed
from service.settings import Settings, variable
from tests.architecture.tree import files


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
