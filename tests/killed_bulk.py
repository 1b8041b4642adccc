"""Kill a bulk run with SIGKILL at each of its steps on disk, and have the next run go on.

    python -m tests.killed_bulk SOURCE BUNDLES FOLDER

Every file that is opened, renamed, made or removed near the target is a step (Python's audit
events), so that the moments lie between any two of them. Prints as JSON for each moment whether the
target was there after the kill, and whether the run that followed ended in the right bytes.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from service.bulk.errors import TargetExists
from tests.bulking import InlineEngine, bulk

EVENTS = frozenset({"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"})
SUFFIX = "jsonl"


def kill_at(step: int, near: Path) -> None:
    """Have this process killed just before the step of that number, from 0."""
    steps = itertools.count()

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event in EVENTS and str(near) in str(arguments[0]) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def forked(source: Path, bundles: Path, target: Path, step: int | None) -> bool:
    """Run in a process of its own; return whether it came to its end."""
    child = os.fork()
    if child == 0:
        if step is not None:
            kill_at(step, target.parent)
        code = 1
        try:
            bulk(source, target, bundles, engine=InlineEngine())
            code = 0
        except TargetExists:  # it had ended, and only its traces were left
            code = 0 if target.exists() and step is None else 1
        except Exception:  # noqa: BLE001  # the parent must see it
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "a run failed that nobody killed"
    return os.WIFEXITED(status)


def moments(source: Path, bundles: Path, folder: Path) -> Iterator[dict[str, object]]:
    """Yield what came of a kill at every step, until a run has no more of them."""
    right = folder / f"right.{SUFFIX}"
    forked(source, bundles, right, None)
    for step in itertools.count():
        target = folder / str(step) / f"labels.{SUFFIX}"
        target.parent.mkdir()
        ended = forked(source, bundles, target, step)
        appeared = target.exists()
        whole = not appeared or target.read_bytes() == right.read_bytes()
        if not ended:
            forked(source, bundles, target, None)
        left = sorted(path.name for path in target.parent.iterdir())
        same = target.read_bytes() == right.read_bytes()
        yield {"step": step, "appeared": appeared, "whole": whole, "same": same, "left": left}
        shutil.rmtree(target.parent)
        if ended:
            return


def again_and_again(source: Path, bundles: Path, folder: Path, step: int) -> dict[str, object]:
    """Kill every run at the same step until one ends; it must, for each leaves something done."""
    target = folder / "again" / f"labels.{SUFFIX}"
    target.parent.mkdir()
    kills = 0
    while not forked(source, bundles, target, step):
        kills += 1
    return {
        "kills": kills,
        "same": target.read_bytes() == (folder / f"right.{SUFFIX}").read_bytes(),
    }


def main() -> None:
    """Print what came of every moment."""
    source, bundles, folder = map(Path, sys.argv[1:])
    told = {"moments": list(moments(source, bundles, folder))}
    step = len(told["moments"]) // 3
    sys.stdout.write(json.dumps(told | {"again": again_and_again(source, bundles, folder, step)}))


if __name__ == "__main__":
    main()
