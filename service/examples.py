"""One true-looking example of everything that the API takes and gives.

They are instances of the schemas and of the errors themselves, so an example that no longer fits
its schema cannot be built. The OpenAPI document, the reference at ``/docs`` and ``docs/api.md``
show these and no others.
"""

from __future__ import annotations

import base64
import inspect
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel

from service.contract import Figure, Filter, InputSpec, Label, LocalisedText, Provenance, Resize
from service.errors import RotuloError, UndecodableImage
from service.inference_v2.wire import (
    AskedOutput,
    InferInput,
    InferRequest,
    InferResponse,
    ModelMetadata,
    ModelReady,
    OutputTensor,
    ServerLive,
    ServerMetadata,
    ServerReady,
    TensorMetadata,
)
from service.problems import problem_of
from service.schemas import (
    BatchAnswer,
    ExplanationAnswer,
    Grid,
    ImageFacts,
    LabelsAnswer,
    Liveness,
    ModelDetail,
    ModelList,
    ModelRef,
    ModelSummary,
    Problem,
    Readiness,
    ReloadAnswer,
    ScoredLabel,
    Timing,
)
from service.wording import DEFAULT_LANG, Lang

REQUEST_ID: Final = "6f1c2f1e8f0c4d7f9a53c1f1b0f5a9d2"

PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQMAAAD+wSzIAAAABlBMVEUAb7P///+xfJ41AAAAE0lEQVR42mPgZ2Jg"
    "YmBiYPgAoQEH4QEM14wkXQAAAABJRU5ErkJggg=="
)
"""A whole image of 8×8 pixels, small enough to stand in a document."""

_SHA256: Final = "c79e20b99c1a905afcde9ce8014c728010f4992b7359d2a35b4ae435dd601bbd"
_CLASSES: Final = (
    ("airplane", "avión"), ("automobile", "automóvil"), ("bird", "pájaro"), ("cat", "gato"),
    ("deer", "ciervo"), ("dog", "perro"), ("frog", "rana"), ("horse", "caballo"),
    ("ship", "barco"), ("truck", "camión"),
)  # fmt: skip

_FACTS: Final[Mapping[str, object]] = MappingProxyType(
    {
        "allow": "POST",
        "limit": 32,
        "limit_bytes": 20 * 1024 * 1024,
        "max_pixels": 50_000_000,
        "media_type": "image/jpeg",
        "name": "top_k",
        "retry_after": 2.0,
        "scope": "label",
        "reason": "bundles/cifar10/5/model.onnx was altered; copy the bundle again.",
        "seconds": 30.0,
    }
)
"""What an error is built with for its example, by the name of its parameter."""

_OF_TYPE: Final[Mapping[str, object]] = MappingProxyType({"int": 1, "float": 1.0, "str": "…"})


def example_error(kind: type[RotuloError]) -> RotuloError:
    """Return an error of a kind, with facts as they might be."""
    facts = {
        name: _FACTS.get(name, _OF_TYPE.get(str(parameter.annotation)))
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    }
    return kind(**facts)


def example_problem(kind: type[RotuloError], lang: Lang = DEFAULT_LANG) -> Problem:
    """Return what a client is told about an error of a kind."""
    return problem_of(example_error(kind), lang, REQUEST_ID)


_MODEL: Final = ModelRef(name="cifar10", version="1", sha256=_SHA256)
_SUMMARY: Final = ModelSummary(
    **_MODEL.model_dump(),
    title=LocalisedText(es="Diez clases de CIFAR-10", en="The ten classes of CIFAR-10"),
    classes=len(_CLASSES),
    provider="cpu",
    default=True,
)
_LABELS_ANSWER: Final = LabelsAnswer(
    id="21b9811a8616477a8e97232c94bf697f",
    model=_MODEL,
    decision="accept",
    labels=(
        ScoredLabel(id="dog", name="perro", score=0.9641),
        ScoredLabel(id="cat", name="gato", score=0.0253),
    ),
    image=ImageFacts(width=400, height=500, media_type="image/jpeg"),
    timing_ms=Timing(read=0.242, decode=2.797, queue=0.165, inference=19.0, total=24.018),
)
_EXPLANATION: Final = ExplanationAnswer(
    model=_MODEL,
    label=ScoredLabel(id="dog", name="perro", score=0.9641),
    grid=Grid(rows=2, columns=2, values=((0.02, 0.61), (0.05, 0.11))),
    sentence="La etiqueta «perro» se apoya sobre todo arriba a la derecha.",
)
_DETAIL: Final = ModelDetail(
    **dict(_SUMMARY),
    labels=tuple(Label(id=en, es=es, en=en) for en, es in _CLASSES),
    input=InputSpec(height=32, width=32, channels=3, resize=Resize.STRETCH, filter=Filter.BILINEAR),
    provenance=Provenance(
        recipe="airbench94",
        seed=0,
        data="cifar10",
        data_sha256="0" * 64,
        commit="191183a",
        created=datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
        versions={"keras": "3.15.0", "onnx": "1.23.0"},
        parameters=1_977_000,
        epochs=12.0,
    ),
    figures=(
        Figure(name="accuracy", value=0.94, n=10_000, split="test", conditions="model.onnx, CPU"),
    ),
)

_INFER: Final = InferRequest(
    id="42",
    inputs=(
        InferInput(
            name="image", datatype="BYTES", shape=(1,), data=[base64.b64encode(PNG).decode()]
        ),
    ),
    outputs=(AskedOutput(name="probabilities", parameters={"classification": 2}),),
)
_BINARY_HEAD: Final = InferRequest(
    inputs=(
        InferInput(
            name="image",
            datatype="BYTES",
            shape=(1,),
            parameters={"binary_data_size": 4 + len(PNG)},
        ),
    ),
).model_dump_json(exclude_defaults=True)
BINARY_INFERENCE: Final = _BINARY_HEAD.encode() + len(PNG).to_bytes(4, "little") + PNG
"""A whole body with its binary data after the JSON."""

_BINARY_SAID: Final = InferResponse(
    model_name="cifar10",
    model_version="1",
    outputs=(
        OutputTensor(
            name="probabilities",
            datatype="FP32",
            shape=(1, 10),
            parameters={"binary_data_size": 40},
        ),
    ),
).model_dump_json(exclude_none=True)
BINARY_ANSWER_HEAD_BYTES: Final = len(_BINARY_SAID)
BINARY_ANSWER: Final = _BINARY_SAID.encode() + struct.pack(
    "<10f", 0.001, 0.001, 0.002, 0.0253, 0.001, 0.9641, 0.002, 0.0016, 0.001, 0.001
)
"""A whole answer of the same kind, and how much of it is JSON."""

_V2_ANSWERS: Final[tuple[BaseModel, ...]] = (
    ServerMetadata(),
    ServerLive(),
    ServerReady(),
    ModelReady(name="cifar10"),
    ModelMetadata(
        name="cifar10",
        versions=("1",),
        platform="onnxruntime_onnx",
        inputs=(TensorMetadata(name="image", datatype="UINT8", shape=(-1, 32, 32, 3)),),
        outputs=(
            TensorMetadata(name="logits", datatype="FP32", shape=(-1, 10)),
            TensorMetadata(name="probabilities", datatype="FP32", shape=(-1, 10)),
        ),
    ),
    _INFER,
    InferResponse(
        model_name="cifar10",
        model_version="1",
        id="42",
        outputs=(
            OutputTensor(
                name="probabilities",
                datatype="BYTES",
                shape=(1, 2),
                data=("0.964100:5:dog", "0.025300:3:cat"),
            ),
        ),
    ),
)

_ANSWERS: Final[tuple[BaseModel, ...]] = (
    _LABELS_ANSWER,
    BatchAnswer(items=(_LABELS_ANSWER, example_problem(UndecodableImage))),
    _EXPLANATION,
    ModelList(models=(_SUMMARY,)),
    ReloadAnswer(loaded=(_MODEL,), retired=(), models=(_SUMMARY,)),
    _DETAIL,
    Liveness(),
    Readiness(model=_MODEL, provider="cpu"),
)

EXAMPLES: Final[Mapping[str, Any]] = MappingProxyType(
    {type(answer).__name__: answer.model_dump(mode="json") for answer in _ANSWERS}
    | {
        type(answer).__name__: answer.model_dump(mode="json", exclude_none=True)
        for answer in _V2_ANSWERS
    }
)
"""The example of each schema, by its name in the document."""
