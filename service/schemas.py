"""What goes over the wire; the OpenAPI document is made of these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from service.contract import Figure, InputSpec, Label, LocalisedText, Provenance
from service.wording import Lang


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class LabelQuery(_Wire):
    """How many labels, from which score on, in which language."""

    top_k: int = Field(5, ge=1, description="Labels at most; no more than the model has.")
    min_score: float = Field(
        0.0, ge=0, le=1, allow_inf_nan=False, description="Least score of a label."
    )
    lang: Lang = Field("es", description="Language of the names and of problems.")


class ModelRef(_Wire):
    """Which model said it; the digest is that of its ONNX file."""

    name: str
    version: str
    sha256: str


class ScoredLabel(_Wire):
    """One label: a stable id, its name in the language asked for, its calibrated score."""

    id: str
    name: str
    score: float = Field(ge=0, le=1)


class ImageFacts(_Wire):
    """The image as a person sees it, upright, in pixels."""

    width: int
    height: int
    media_type: str


class Timing(_Wire):
    """Milliseconds in each stage; waiting for a thread to decode counts as queue."""

    read: float
    decode: float
    queue: float
    inference: float
    total: float


class LabelsAnswer(_Wire):
    """What the model says about one image, labels by falling score."""

    id: str = Field(description="Of this labelling, unique.")
    model: ModelRef
    decision: Literal["accept", "review", "abstain"]
    labels: tuple[ScoredLabel, ...]
    image: ImageFacts
    timing_ms: Timing


class ExplanationQuery(_Wire):
    """Which label to explain, and in which language."""

    label: Annotated[str, Field(max_length=64)] | SkipJsonSchema[None] = Field(
        None, description="Id of the label to explain; the best one by default."
    )
    lang: Lang = Field("es", description="Language of the words and of problems.")


class Grid(_Wire):
    """How much each cell of the upright image matters, in rows from the top."""

    rows: int
    columns: int
    values: tuple[tuple[float, ...], ...] = Field(
        description="0 to 1: how far the label falls with the cell covered, as a share of the "
        "greatest fall (in log-odds, for a score near 1 hardly moves)."
    )


class ExplanationAnswer(_Wire):
    """On which parts of an image a label rests, in numbers and in words."""

    model: ModelRef
    label: ScoredLabel
    grid: Grid
    sentence: str


class Problem(_Wire):
    """What went wrong (RFC 9457), in words for the person who sent the request."""

    type: str = Field(description="Stable name of the kind of problem, a URN.")
    title: str
    status: int
    detail: str
    request_id: str


class BatchAnswer(_Wire):
    """One item for each file, in the order sent: a labelling, or a problem."""

    items: tuple[LabelsAnswer | Problem, ...]


class ModelSummary(_Wire):
    """One model in service."""

    name: str
    version: str
    sha256: str
    title: LocalisedText
    classes: int
    provider: str = Field(description="What it runs on: cpu, cuda, tensorrt or openvino.")
    default: bool = Field(description="Whether it answers where no model is named.")


class ModelList(_Wire):
    """The models in service."""

    models: tuple[ModelSummary, ...]


class ModelDetail(ModelSummary):
    """All that a model says about itself."""

    labels: tuple[Label, ...]
    input: InputSpec
    provenance: Provenance
    figures: tuple[Figure, ...]


class ReloadAnswer(_Wire):
    """What a reload changed, and what is in service after it."""

    loaded: tuple[ModelRef, ...]
    retired: tuple[ModelRef, ...] = Field(
        description="No longer found; each answers the requests that hold it."
    )
    models: tuple[ModelSummary, ...]


class Liveness(_Wire):
    """The process runs."""

    status: Literal["alive"] = "alive"


class Readiness(_Wire):
    """The service answers."""

    status: Literal["ready"] = "ready"
    model: ModelRef
    provider: str = Field(description="What the model runs on: cpu, cuda, tensorrt or openvino.")
