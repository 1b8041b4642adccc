"""`rotulo feedback`, as an operator or a script runs it, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from service.__main__ import cli
from service.feedback.corrections import Correction
from service.feedback.store import CorrectionStore


def feedback(*arguments: str | Path, url: str = "") -> Result:
    command = ["feedback", *map(str, arguments)]
    return CliRunner().invoke(cli, command, env={"ROTULO_FEEDBACK_URL": url})


def test_corrections_are_exported_counted_and_deleted(
    url: str, store: CorrectionStore, tmp_path: Path
) -> None:
    for number, label in enumerate(["cat", None, "dog"]):
        store.record(Correction(f"{number:032x}", "m", "1", "dog", label, "=1+1; ñandú"))

    table = feedback("export", "--csv", url=url)
    header, *rows = table.stdout_bytes.decode("utf-8").split("\r\n")[:-1]
    assert header.startswith("\ufeffresult_id;")
    assert [row.split(";")[4] for row in rows] == ["cat", "none", "dog"]
    assert all('"\'=1+1; ñandú"' in row for row in rows)

    out = tmp_path / "export.csv"
    assert feedback("export", "--out", out, url=url).exit_code == 0
    assert out.read_bytes() == table.stdout_bytes
    assert out.stat().st_mode & 0o077 == 0

    lines = feedback("export", "--json", url=url).stdout.splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["cat", "none", "dog"]

    (model,) = json.loads(feedback("summary", url=url).stdout)["models"]
    assert (model["corrections"], model["classes"][0]["instead"]) == (3, {"cat": 1})

    assert feedback("purge", url=url).stdout == "deleted: 0\n"
    assert feedback("purge", "--result", f"{0:032x}", url=url).exit_code == 0
    assert feedback("purge", "--result", f"{0:032x}", url=url).exit_code == 1
    assert feedback("purge", "--everything", url=url).stdout == "deleted: 2\n"
    assert feedback("export", "--json", url=url).stdout == ""


def test_wrong_usage_is_code_2(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/corrections.db"
    nowhere = feedback("export")
    both = feedback("purge", "--result", "x", "--everything", url=url)
    assert (nowhere.exit_code, both.exit_code) == (2, 2)
    assert nowhere.stderr.startswith("rotulo: no database of corrections")


def test_a_database_that_is_not_there_is_code_1_without_its_password(tmp_path: Path) -> None:
    missing = feedback("summary", url=f"sqlite:///{tmp_path}/missing/f.db")
    refused = feedback("summary", url="postgresql://ana:secreta@127.0.0.1:1/x")
    assert (missing.exit_code, refused.exit_code) == (1, 1)
    assert refused.stderr.startswith("rotulo: the database of corrections: ")
    assert "secreta" not in refused.output


def test_the_program_writes_the_same_table_to_a_pipe(tmp_path: Path, root: Path) -> None:
    url = f"sqlite:///{tmp_path}/corrections.db"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ROTULO_")}
    ran = subprocess.run(
        [sys.executable, "-m", "service", "feedback", "export", "--csv", "--feedback-url", url],
        cwd=root,
        env=clean | {"LC_ALL": "C"},
        capture_output=True,
        check=True,
        timeout=240,
    )
    assert ran.stdout.decode("utf-8").startswith("\ufeffresult_id;")
    assert ran.stdout.endswith(b"\r\n")
