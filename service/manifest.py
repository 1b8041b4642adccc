"""What a bundle says about itself: ``manifest.json``, written by export and read by the service.

The service needs nothing else to know about a model, and whatever it can see in the graph is not
repeated here. Every value is frozen and checked; an unknown field is an error, because a manifest
of a later schema must not be half understood.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z._+-]*$", max_length=64)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=1, le=4096)]

SCORE_BOUNDS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Upper bounds of the bins in which best scores are counted; a score on a bound is below it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LocalisedText(_Part):
    """One text in Spanish and in English."""

    es: Sentence
    en: Sentence


class Label(LocalisedText):
    """One class: an id that programs may rely on, and its name for people."""

    id: Identifier


class Resize(StrEnum):
    """How a photo of any shape becomes the model's height and width."""

    STRETCH = "stretch"
    CENTRE_CROP = "centre-crop"
    PAD = "pad"


class Filter(StrEnum):
    """The resampling filter, by Pillow's name for it in lower case."""

    NEAREST = "nearest"
    BOX = "box"
    BILINEAR = "bilinear"
    HAMMING = "hamming"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


class InputSpec(_Part):
    """What the graph takes, height and width in pixels, and the way from a photo to it."""

    height: Side
    width: Side
    channels: Literal[1, 3]
    resize: Resize
    filter: Filter


class Familiarity(_Part):
    """When a picture is like those that the model knows, by a score of the graph's own.

    The graph gives it as a second output, float32 ``[N]``, the higher the more familiar, in units
    of the ``method``. Below ``accept`` a person should look, below ``review`` the model does not
    know. ``coverage`` is the share of the ``n`` known images of ``split`` at or above ``accept``.

    A method that was shown pictures of other things says in ``others`` how many judge it that it
    was not shown, and in ``others_accepted`` which share of them it accepts all the same.
    """

    method: Sentence
    accept: float
    review: float
    coverage: Fraction
    n: Count
    split: Sentence
    others: Count | None = None
    others_accepted: Fraction | None = None

    @model_validator(mode="after")
    def _others_are_judged(self) -> Self:
        if (self.others is None) != (self.others_accepted is None):
            raise ValueError("others and others_accepted are given together")
        return self

    @model_validator(mode="after")
    def _review_is_below_accept(self) -> Self:
        if self.review > self.accept:
            message = f"review ({self.review}) must not be above accept ({self.accept})"
            raise ValueError(message)
        return self


class Abstention(_Part):
    """When an answer stands, when a person should look, and when the model does not know.

    The score is the largest calibrated probability, 0 to 1: at least ``accept`` is accepted, at
    least ``review`` is for review, below that the model abstains. ``coverage`` is the share of the
    ``n`` calibration images that were accepted, ``error`` the share of wrong labels among those.
    Where there is a ``familiarity`` the more cautious of the two decides.
    """

    score: Literal["max_probability"]
    accept: Fraction
    review: Fraction
    coverage: Fraction
    error: Fraction
    n: Count
    split: Sentence
    familiarity: Familiarity | None = None

    @model_validator(mode="after")
    def _review_is_below_accept(self) -> Self:
        if self.review > self.accept:
            message = f"review ({self.review}) must not be above accept ({self.accept})"
            raise ValueError(message)
        return self


class Baseline(_Part):
    """How often the model said what, on images that are known: what its use is compared with.

    Counts of ``n`` images by best label (every label of the manifest, zeros too), by decision, and
    by best score in the bins of ``SCORE_BOUNDS``.
    """

    n: Annotated[int, Field(ge=1)]
    labels: dict[Identifier, Count]
    decisions: dict[Literal["accept", "review", "abstain"], Count]
    scores: tuple[Count, ...]
    split: Sentence

    @model_validator(mode="after")
    def _every_image_is_counted_once_in_each(self) -> Self:
        if len(self.decisions) != 3 or len(self.scores) != len(SCORE_BOUNDS):  # noqa: PLR2004
            raise ValueError(
                f"a baseline counts 3 decisions and {len(SCORE_BOUNDS)} bins of scores, "
                f"not {len(self.decisions)} and {len(self.scores)}"
            )
        for name in ("labels", "decisions"):
            if sum(getattr(self, name).values()) != self.n:
                raise ValueError(f"the {name} of a baseline must add up to n ({self.n})")
        if sum(self.scores) != self.n:
            raise ValueError(f"the scores of a baseline must add up to n ({self.n})")
        return self


class Provenance(_Part):
    """Where the weights come from: enough to fit them again; ``data_es`` is ``data`` in Spanish.

    ``epochs`` counts those of a run whose weights it began with.
    """

    recipe: Sentence
    seed: Count
    data: Sentence
    data_es: Sentence | None = None
    data_sha256: Sha256
    commit: Sentence
    created: AwareDatetime
    versions: dict[str, str]
    parameters: Annotated[int, Field(ge=1)]
    epochs: Annotated[float, Field(ge=0)]


class Figure(_Part):
    """One measured number with its conditions: on how many images of which split, and how.

    ``conditions_es`` says them in Spanish, where the public reads them.
    """

    name: Sentence
    value: float
    n: Count
    split: Sentence
    conditions: Sentence
    conditions_es: Sentence | None = None


class Manifest(_Part):
    """What a bundle says about itself; ``labels`` stand in the order of the logits."""

    schema_version: Literal[1]
    name: Identifier
    version: Version
    title: LocalisedText
    labels: Annotated[tuple[Label, ...], Field(min_length=2)]
    input: InputSpec
    temperature: Annotated[float, Field(gt=0)]
    abstention: Abstention
    opset: Annotated[int, Field(ge=1)]
    model_sha256: Sha256
    model_bytes: Annotated[int, Field(ge=1)]
    provenance: Provenance
    figures: tuple[Figure, ...]
    baseline: Baseline | None = None

    @property
    def evidence_size(self) -> int:
        """How many numbers the graph gives for an image: its logits, and then its familiarity."""
        return len(self.labels) + (self.abstention.familiarity is not None)

    @property
    def ref(self) -> tuple[str, str]:
        """Return its name and its version."""
        return self.name, self.version

    @model_validator(mode="after")
    def _label_ids_are_unique(self) -> Self:
        ids = [label.id for label in self.labels]
        repeated = sorted({label for label in ids if ids.count(label) > 1})
        if repeated:
            message = f"label ids must be unique; repeated: {', '.join(repeated)}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _the_baseline_is_of_these_labels(self) -> Self:
        if self.baseline and set(self.baseline.labels) != {label.id for label in self.labels}:
            raise ValueError("the baseline must count every label of the manifest and no other")
        return self

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the manifest in a file.

        Raises:
            OSError: the file cannot be read.
            pydantic.ValidationError: it is not JSON, or not a manifest of this schema.
        """
        return cls.model_validate_json(path.read_bytes())

    def write(self, path: Path) -> None:
        """Write canonical JSON: UTF-8, fields in schema order, two spaces, one newline at the end.

        Equal manifests give equal bytes, so that a bundle can be compared by its digest.
        """
        path.write_text(self.to_json(), encoding="utf-8", newline="\n")

    def to_json(self) -> str:
        """Return the text that ``write`` writes."""
        ordered = self.provenance.model_copy(
            update={"versions": dict(sorted(self.provenance.versions.items()))}
        )
        update: dict[str, object] = {"provenance": ordered}
        if self.baseline is not None:
            update["baseline"] = self.baseline.model_copy(
                update={
                    "labels": dict(sorted(self.baseline.labels.items())),
                    "decisions": dict(sorted(self.baseline.decisions.items())),
                }
            )
        return self.model_copy(update=update).model_dump_json(indent=2) + "\n"
