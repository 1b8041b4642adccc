"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, Module, files, modules
from tests.conftest import LONGEST_FILES

pytestmark = pytest.mark.no_cover  # they read our code and run none of it

ENVIRONMENT_READERS = {Path("service/settings.py"), Path("training/settings.py")}
LONGEST_MODULE = 350
FORBIDDEN_STEMS = re.compile(r"(^|_)(utils?|helpers?|common|managers?|misc)(_|$)")
# Homes of people, and the folders in which builds and checkouts happen to lie; but where KServe
# puts a model is the same on every machine.
MACHINE_PATH = re.compile(r"(?<![\w.~/:-])/(home|root|Users|work|mnt(?!/models\b)|tmp|build)/\w+")
# Indexes of Python, Node and Debian packages, and mirrors of them.
INDEX_HOST = re.compile(
    r"\b(pypi\.[a-z]|python[h]osted|registry\.[a-z]+\.(org|com|io)|npm[j]s|deb\.[a-z]+\.org)"
)
KINDS = {"unit", "property", "integration", "e2e", "architecture"}


def test_the_environment_is_read_in_one_place_per_program(root: Path) -> None:
    """Giving TensorFlow a default for what it reads itself is no reading of ours."""

    def reads(module: Module) -> bool:
        defaults = sum(ast.unparse(node) == "os.environ.setdefault" for node in module.nodes)
        mentions = sum(
            isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
            for node in module.nodes
        )
        imported = module.names & {"BaseSettings", "load_dotenv"}
        return mentions > defaults or bool(imported)

    assert {m.path for m in modules(root, *PACKAGES) if reads(m)} == ENVIRONMENT_READERS


def test_middleware_is_pure_asgi(root: Path) -> None:
    """Starlette's base class, by either door, hides a client's disconnect from the app."""

    def decorates_with_middleware(module: Module) -> bool:
        return any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "middleware"
            for node in module.nodes
        )

    offenders = [
        module.path
        for module in modules(root, *PACKAGES)
        if "BaseHTTPMiddleware" in module.names or decorates_with_middleware(module)
    ]
    assert offenders == []


def test_bundles_are_looked_up_where_signatures_are_asked_for(root: Path) -> None:
    """`service.loading` knows the setting; whoever passes it by serves what nobody signed."""
    offenders = {
        module.path for module in modules(root, "service") if "find_bundles" in module.names
    }
    assert offenders == {Path("service/loading.py")}


def test_no_private_key_is_tracked(root: Path) -> None:
    begins = re.compile(rb"-----BEGIN [A-Z ]*" + rb"PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")
    assert [path for path in files(root) if begins.search((root / path).read_bytes())] == []


def test_a_module_fits_in_a_readers_head(root: Path) -> None:
    longer = {m.path for m in modules(root) if m.text.count("\n") > LONGEST_MODULE}
    assert longer == set()


def test_modules_are_named_for_what_they_hold(root: Path) -> None:
    assert [m.path for m in modules(root) if FORBIDDEN_STEMS.search(m.path.stem)] == []


def test_no_tracked_file_names_a_machine_or_a_package_index(root: Path) -> None:
    found = []
    for path in files(root):
        data = (root / path).read_bytes()
        if b"\0" in data:
            continue
        for number, line in enumerate(data.decode("utf-8").splitlines(), start=1):
            if MACHINE_PATH.search(line) or INDEX_HOST.search(line):
                found.append(f"{path}:{number}: {line.strip()}")
    assert found == []


@pytest.mark.parametrize(
    "parts",
    [
        ("see ", "/home", "/ana/rotulo"),
        ('open("', "/work", '/data")'),
        ("https://", "pypi.", "org"),
    ],
)
def test_the_search_for_machines_and_indexes_finds_them(parts: tuple[str, ...]) -> None:
    line = "".join(parts)
    assert MACHINE_PATH.search(line) or INDEX_HOST.search(line)


def test_every_test_module_lies_where_its_subject_says(root: Path) -> None:
    """`tests/unit/service/test_batcher.py` is about `service/batcher.py`; so is property."""
    misplaced = []
    for path in files(root, "tests/**/test_*.py"):
        kind, *subject = path.parts[1:-1]
        if kind not in KINDS:
            misplaced.append(path)
        if kind in {"unit", "property"} and not _has_subject(root, subject, path.stem):
            misplaced.append(path)
    assert misplaced == []


def test_the_files_that_begin_exist(root: Path) -> None:
    assert [name for name in LONGEST_FILES if not (root / name).is_file()] == []


def _has_subject(root: Path, folders: list[str], stem: str) -> bool:
    """Return whether a module is named as the test is, or as its beginning."""
    folder = root.joinpath(*folders)
    words = stem.removeprefix("test_").split("_")
    beginnings = ["_".join(words[:n]) for n in range(1, len(words) + 1)]
    return bool(folders) and any(
        (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()
        for name in (*beginnings, *(f"__{name}__" for name in beginnings))
    )
