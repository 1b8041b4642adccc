"""What can go wrong in training, and what the person at the terminal is told.

TrainingError
├── DataError      a data set is missing, damaged or not what it says it is; names the file
├── RecipeError    an unknown or duplicate recipe
└── RunError       a run folder that is missing, incomplete, or belongs to another recipe
"""

from pathlib import Path


class TrainingError(Exception):
    """Base of every error that the command line reports as one line and exit code 1."""


class DataError(TrainingError):
    """A data file cannot be used. The message names the file and what to do about it."""

    def __init__(self, file: Path | str, problem: str, remedy: str) -> None:
        self.file = file
        super().__init__(f"{file}: {problem}. {remedy}")


class RecipeError(TrainingError):
    """A recipe's name is unknown or registered twice."""


class RunError(TrainingError):
    """A run folder cannot be read or continued."""
