"""The file of keys: what a line says, what is refused, and how it changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from service.keys import MAX_FILE_BYTES, KeyFileError, KeyRing, new_key, parse_keys, parse_scopes

DIGEST = "sha256:" + "0" * 64


def test_a_new_key_is_found_by_its_text_and_by_nothing_else(tmp_path: Path) -> None:
    text, key = new_key(["label", "admin"])
    path = tmp_path / "keys"
    path.write_text(f"# editors\n\n{key.line()}  # since November\n", "utf-8")
    ring = KeyRing(path)
    found = ring.find(text)
    assert found == key
    assert found.scopes == {"label", "admin"}
    for other in ("", text[:-1], text + "x", text.upper(), f"rotulo_{key.id}_", "Ñ\udcff", key.id):
        assert ring.find(other) is None


def test_nothing_in_the_file_lets_anyone_in() -> None:
    text, key = new_key(["label"])
    assert text not in key.line()
    assert text.split("_", 2)[2] not in key.line()
    assert hashlib.sha256(text.encode()).hexdigest() in key.line()
    assert len({new_key(["label"])[0] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no key"),
        ("# nothing yet\n", "no key"),
        ("3f9a61c2 label", "line 1: not"),
        (f"\n3f9a61c2 label {DIGEST} more", "line 2: not"),
        (f"someone label {DIGEST}", "line 1: not"),
        (f"3f9a61c2 label,everything {DIGEST}", "line 1: scopes are a list of label, feedback"),
        ("3f9a61c2 label sha256:12", "line 1: the digest"),
        (f"3f9a61c2 label {DIGEST}\n3f9a61c2 admin {DIGEST}", "line 2: the key 3f9a61c2 stands"),
    ],
)
def test_a_line_that_is_no_key_is_named_by_its_number(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        parse_keys(text)
    assert DIGEST not in str(caught.value)


@pytest.mark.parametrize("text", ["", ",", "label,", "labels", "label feedback"])
def test_a_list_that_names_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="separated by commas"):
        parse_scopes(text)


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    (old, old_key), (new, new_line) = new_key(["label"]), new_key(["label"])
    path.write_text(old_key.line(), "utf-8")
    ring = KeyRing(path)
    assert not ring.refresh()
    replacement = tmp_path / "keys.new"
    replacement.write_text(f"{old_key.line()}\n{new_line.line()}\n", "utf-8")
    replacement.rename(path)
    assert ring.refresh()
    assert ring.find(old) is not None
    assert ring.find(new) is not None
    path.write_text(new_line.line(), "utf-8")
    assert ring.refresh()
    assert ring.find(old) is None
    assert ring.refresh(force=True)


def spoil_by_removing(path: Path) -> None:
    path.unlink()


def spoil_by_emptying(path: Path) -> None:
    path.write_bytes(b"")


def spoil_by_noise(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


def spoil_by_size(path: Path) -> None:
    os.truncate(path, MAX_FILE_BYTES + 1)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_by_removing, "No such file"),
        (spoil_by_emptying, "no key"),
        (spoil_by_noise, "it is not text"),
        (spoil_by_size, "larger than"),
    ],
)
def test_a_broken_file_says_why_and_leaves_the_old_keys_working(
    tmp_path: Path, spoil: object, told: str
) -> None:
    assert callable(spoil)
    path = tmp_path / "keys"
    text, key = new_key(["label"])
    path.write_text(key.line(), "utf-8")
    ring = KeyRing(path)
    spoil(path)
    with pytest.raises(KeyFileError, match=told) as caught:
        ring.refresh()
    assert str(path) in str(caught.value)
    assert ring.find(text) == key
    with pytest.raises(KeyFileError):
        KeyRing(path)


def test_without_a_file_nobody_has_a_key() -> None:
    ring = KeyRing(None)
    assert not ring.refresh(force=True)
    assert ring.find(new_key(["label"])[0]) is None
    assert len(ring) == 0
