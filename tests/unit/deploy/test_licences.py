"""Nothing is shipped under a licence that nobody looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.licences import NOT_INSTALLED, licences_of, main


def test_every_package_of_the_service_may_be_shipped(root: Path) -> None:
    found = list(licences_of(root / "requirements" / "serve-cpu.txt"))
    assert [entry for entry in found if not entry.allowed] == []
    # Less than these where another package brings a copy of its own along, as Ray does.
    assert {entry.package for entry in found if entry.licence == NOT_INSTALLED} <= {
        "async-timeout",  # for a Python before 3.11.3
        "colorama",  # for Windows
    }


@pytest.mark.parametrize(
    ("licence", "verdict"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("Mozilla Public License 2.0 (MPL 2.0)", True),
        ("LGPL-3.0-only", True),
        ("GPL-3.0-or-later", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("AGPL-3.0-only", False),
        ("MIT AND GPL-2.0-only", False),
        ("LicenseRef-NVIDIA-Proprietary", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_the_policy_knows_families(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    licence: str,
    verdict: bool,  # noqa: FBT001  # the expected answer
) -> None:
    monkeypatch.setattr("deploy.licences.licence_of", lambda _: licence)
    lock = tmp_path / "lock.txt"
    lock.write_text("a-package==1.0 \\\n    --hash=sha256:00\n", "utf-8")
    assert main([str(lock)]) == (0 if verdict else 1)
    assert ("REFUSED" in capsys.readouterr().out) is not verdict
