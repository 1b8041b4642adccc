"""A run folder: all that one fit was made of and gave, each file written whole or not at all.

```text
RUN/
  recipe.json        the frozen recipe, the seed, and which images were fitted on
  environment.json   versions, device, commit
  data.json          the data set and its digest
  model.json         how many parameters gradients change, and how many there are
  head.json          how the head alone was fitted, where a recipe asks for that
  features/          what the frozen network saw, for that head
  start.weights.h5   the weights that the fit began with, where another run gave them
  others.npz         pictures of other things that the fit was shown, and some held back
  history.jsonl      a line an epoch
  checkpoints/       of the last epoch, to go on from
  model.weights.h5   the finished weights
  calibration.json   temperature and thresholds, found on validation
  evaluation.json    what `evaluate` measured on test, and on which file
  evaluation-examples.npz   test images that a report shows: mistakes, and some by chance
  evaluation-on-NAME.json   what it measured on other labelled pictures
  tensorboard/       curves, where they were asked for
```
"""

import hashlib
import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from training.errors import RunError
from training.recipe import Recipe

DESCRIBE = ("git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
VERSIONED = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "pillow")


class Beginning(BaseModel):
    """Whose weights a fit began with: a finished run's recipe, seed, epochs and weights' digest.

    `epochs` are all that those weights had seen, also of a run before that one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    seed: int
    epochs: int
    sha256: str


class OtherPictures(BaseModel):
    """Pictures of other things that a fit is shown (`training.exposure`): digest and number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    count: int


class RunConfig(BaseModel):
    """What a run is: fixed when it starts, and compared when it goes on.

    `fitted_on` is `train` (validation images are held back) or `all` (the recipe is frozen and
    fitted once more on training and validation images together).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    seed: int = 0
    fitted_on: Literal["train", "all"] = "train"
    beginning: Beginning | None = None
    others: OtherPictures | None = None


class Run:
    """A run folder on disk.

    Args:
        folder: where it is.
        config: what it is.
    """

    def __init__(self, folder: Path, config: RunConfig) -> None:
        self.folder = folder
        self.config = config

    @classmethod
    def start(cls, folder: Path, config: RunConfig) -> Self:
        """Create a run folder, or go on with it if it is of the same recipe, seed and images.

        Raises:
            RunError: the folder holds another run.
        """
        run = cls(folder, config)
        path = folder / "recipe.json"
        if path.exists():
            if cls.open(folder).config != config:
                raise RunError(f"{folder} holds another run; name another folder with --run")
            return run
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, config.model_dump_json(indent=2))
        return run

    @classmethod
    def open(cls, folder: Path) -> Self:
        """An existing run.

        Raises:
            RunError: the folder holds none, or one that this version does not understand.
        """
        path = folder / "recipe.json"
        if not path.is_file():
            raise RunError(f"{folder} is no run folder: it has no recipe.json")
        try:
            config = RunConfig.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise RunError(f"{path} is no recipe of this version: {error}") from error
        return cls(folder, config)

    @property
    def checkpoints(self) -> Path:
        """Where the state after the last finished epoch is kept."""
        return self.folder / "checkpoints"

    @property
    def weights(self) -> Path:
        """The finished weights; absent until the fit has ended."""
        return self.folder / "model.weights.h5"

    @property
    def start_weights(self) -> Path:
        """The weights that the fit begins with, where another run gave them."""
        return self.folder / "start.weights.h5"

    @property
    def others(self) -> Path:
        """The pictures of other things that the fit is shown, and those held back, if any."""
        return self.folder / "others.npz"

    @property
    def finished(self) -> bool:
        """Whether the fit has ended."""
        return self.weights.is_file()

    @property
    def epochs(self) -> int:
        """How many epochs the weights have seen, with those of the run that they began with."""
        before = self.config.beginning.epochs if self.config.beginning else 0
        return before + self.config.recipe.fit.epochs

    def as_beginning(self) -> Beginning:
        """What a run is known by that gives its weights to another.

        Raises:
            RunError: the fit has not ended.
        """
        self.require_finished()
        return Beginning(
            recipe=self.config.recipe.name,
            seed=self.config.seed,
            epochs=self.epochs,
            sha256=hashlib.sha256(self.weights.read_bytes()).hexdigest(),
        )

    def require_finished(self) -> None:
        """Make sure that there are finished weights.

        Raises:
            RunError: the fit has not ended.
        """
        if not self.finished:
            raise RunError(f"{self.folder} is not finished; run its fit again: it goes on")

    def read(self, name: str) -> dict[str, Any]:
        """The JSON object in `name`.

        Raises:
            RunError: there is no such file yet.
        """
        path = self.folder / name
        if not path.is_file():
            raise RunError(f"{self.folder} has no {name} yet")
        content: dict[str, Any] = json.loads(path.read_bytes())
        return content

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Put a JSON object into `name`, whole or not at all."""
        write_atomically(
            self.folder / name, json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        )

    def history(self) -> list[dict[str, float]]:
        """What was measured after each epoch, in order."""
        path = self.folder / "history.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        return [json.loads(line) for line in lines]

    def write_history(self, epochs: list[dict[str, float]]) -> None:
        """Put one line an epoch."""
        lines = "".join(json.dumps(epoch) + "\n" for epoch in epochs)
        write_atomically(self.folder / "history.jsonl", lines)


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader finds the old or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def versions() -> dict[str, str]:
    """The installed versions of what decides a run's numbers."""
    found = {}
    for name in VERSIONED:
        try:
            found[name] = version(name)
        except ModuleNotFoundError:
            continue
    return found


def commit(folder: Path = Path(__file__).parent) -> str:
    """The commit of this code, marked `-dirty` when it was changed; `unknown` outside git."""
    try:
        described = subprocess.run(  # noqa: S603 - a constant of ours
            DESCRIBE,
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()
