"""What people said of a model's labels while it served: `rotulo feedback summary`, read back.

People correct what strikes them, so their share of disagreement is no error rate: it compares
classes with each other, and versions of a model on one site.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from service.contract import Manifest
from training.errors import RunError
from training.part import UnitInterval


class _Told(BaseModel):
    """A later version of the service may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ClassTold(_Told):
    """What people said when this label was offered: right, another one, or none of the model's."""

    offered: str
    corrections: NonNegativeInt
    agreed: NonNegativeInt
    none: NonNegativeInt
    instead: dict[str, NonNegativeInt]
    disagreement: UnitInterval


class ModelTold(_Told):
    """The same for one version of a model, the classes most disagreed with first."""

    name: str
    version: str
    corrections: NonNegativeInt
    disagreement: UnitInterval
    classes: tuple[ClassTold, ...]


class _Summary(_Told):
    schema_version: Literal[1]
    models: tuple[ModelTold, ...]


def read_told(path: Path, manifest: Manifest | None) -> ModelTold:
    """Return what a summary says of the labels of a bundle.

    Raises:
        RunError: no bundle says whose labels they are, the file is no summary, or it says nothing
            of that bundle or names labels that it does not have.
    """
    if manifest is None:
        raise RunError(f"{path} is about a bundle; name it by --bundle")
    try:
        summary = _Summary.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RunError(f"{path} is no summary of `rotulo feedback summary`: {error}") from error
    bundle = (manifest.name, manifest.version)
    told = next((one for one in summary.models if (one.name, one.version) == bundle), None)
    if told is None:
        raise RunError(f"{path} says nothing of {'/'.join(bundle)}")
    known = {label.id for label in manifest.labels}
    named = {label for one in told.classes for label in (one.offered, *one.instead)}
    if not named <= known:
        raise RunError(f"{path} names labels that {'/'.join(bundle)} lacks: {named - known}")
    return told
