"""A person's own data set: what a run keeps of it, so that it is known again and can be exported.

The images stay where they are. Their classes, their size and a digest of what was read are part of
the run's recipe, which a changed folder therefore no longer is.
"""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from service.contract import InputSpec, Label
from training.part import Part

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class OwnData(Part):
    """Images by class at a `path`: a folder, or Parquet in the Hugging Face layout.

    `name` follows from the path's last part. `input` is how each picture became pixels. The digests
    are those of `training.data.split_digest`, of each half as a whole.
    """

    kind: Literal["own"] = "own"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
    path: str
    input: InputSpec
    classes: Annotated[tuple[Label, ...], Field(min_length=2, max_length=256)]
    train_size: PositiveInt
    test_size: NonNegativeInt = 0
    validation_size: PositiveInt
    train_sha256: Sha256
    test_sha256: Sha256 | None = None
