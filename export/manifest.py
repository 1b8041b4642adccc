"""Writes down what a bundle is: its manifest, from the run and what was measured."""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from export.calibration import Calibration
from export.errors import ExportError
from export.optimise import OPSET
from export.parity import Parity
from export.policy import TITLES
from export.wording import Wording
from service.contract import (
    MODEL_FILE,
    Figure,
    InputSpec,
    Label,
    Manifest,
    Provenance,
)
from training.architectures import Backbone, EfficientNetLite, Model, Pair
from training.datasets import find_data_set
from training.evaluate import Evaluation
from training.run import Run
from training.spanish import number

TOOLS = ("onnx", "tf2onnx", "onnxruntime", "onnxruntime-gpu")

_IMAGENET = "; it began with weights that were fitted on ImageNet"
_IMAGENET_ES = "; partió de pesos ajustados con ImageNet"


@dataclass(frozen=True, slots=True)
class Graph:
    """The finished file: its digest in hexadecimal, its size in bytes, the weights in it."""

    sha256: str
    size: int
    parameters: int


def describe(run: Run, wording: Wording, graph: Graph, calibration: Calibration) -> Manifest:
    """A manifest that is true before anything was measured on the file.

    Raises:
        ExportError: the data set has no title, and none is given.
    """
    data_set = find_data_set(run.config.recipe.data)
    title = wording.title or (None if data_set.own else TITLES.get(data_set.name))
    if title is None:
        raise ExportError(f"{data_set.name} has no title; give one by --title-es and --title-en")
    height, width, channels = data_set.shape
    return Manifest(
        schema_version=1,
        name=wording.name,
        version=wording.version,
        title=title,
        labels=tuple(Label(id=c.id, es=c.es, en=c.en) for c in data_set.classes),
        input=InputSpec.model_validate(
            {
                "height": height,
                "width": width,
                "channels": channels,
                "resize": wording.resize,
                "filter": wording.filter,
            }
        ),
        temperature=calibration.temperature,
        abstention=calibration.abstention,
        opset=OPSET,
        model_sha256=graph.sha256,
        model_bytes=graph.size,
        provenance=_provenance(run, graph.parameters),
        figures=(
            Figure(
                name="accuracy",
                value=calibration.accuracy,
                n=calibration.abstention.n,
                split="validation",
                conditions=calibration.conditions,
            ),
        ),
    )


def with_parity(manifest: Manifest, parity: Parity, validation: int | None = None) -> Manifest:
    """The manifest, saying how close the file came to Keras.

    Of the images of the proof, `validation` (all if None) were validation images as they are.
    """
    others = parity.images - (parity.images if validation is None else validation)
    split = f"validation and {others} varied training images" if others else "validation"
    figure = Figure(
        name="largest_logit_difference",
        value=parity.largest_difference,
        n=parity.images,
        split=split,
        conditions=f"{MODEL_FILE} against Keras, float32, the same top-1 on all",
    )
    return manifest.model_copy(update={"figures": (*manifest.figures, figure)})


def with_evaluation(manifest: Manifest, evaluation: Evaluation) -> Manifest:
    """The manifest, with what was measured on test; the test figures stand first."""

    def figure(name: str, value: float, n: int) -> Figure:
        return Figure(
            name=name, value=value, n=n, split=evaluation.split, conditions=evaluation.conditions
        )

    low, high = evaluation.accuracy_interval
    whole = {
        "accuracy": evaluation.accuracy,
        "accuracy_low_95": low,
        "accuracy_high_95": high,
        "top5_accuracy": evaluation.top5,
        "negative_log_likelihood": evaluation.negative_log_likelihood,
        "brier": evaluation.brier,
        "ece_uncalibrated": evaluation.ece_before,
        "ece": evaluation.ece_after,
    }
    measured = [
        figure(name, value, evaluation.n) for name, value in whole.items() if value is not None
    ]
    for label in evaluation.per_class:
        measured += [
            figure(f"precision.{label.id}", label.precision, label.support),
            figure(f"recall.{label.id}", label.recall, label.support),
        ]
    return manifest.model_copy(update={"figures": (*measured, *manifest.figures)})


def _provenance(run: Run, parameters: int) -> Provenance:
    recipe = run.config.recipe
    environment, data = run.read("environment.json"), run.read("data.json")
    images = int(data["train"])
    before = _began_from_imagenet(recipe.model)
    return Provenance(
        recipe=recipe.name,
        seed=run.config.seed,
        data=f"{data['name']}, {images} training images{_IMAGENET if before else ''}",
        data_es=f"{data['name']}, {number(images)} imágenes{_IMAGENET_ES if before else ''}",
        data_sha256=data["sha256"],
        commit=environment["commit"],
        created=datetime.now(UTC).replace(microsecond=0),
        versions={**environment["versions"], **tool_versions()},
        parameters=parameters,
        epochs=float(run.epochs),
    )


def _began_from_imagenet(model: Model) -> bool:
    """Tell whether a network, or one of a pair, began with weights that were fitted on ImageNet."""
    match model:
        case Pair():
            return _began_from_imagenet(model.first) or _began_from_imagenet(model.second)
        case EfficientNetLite():
            return True
        case Backbone():
            return model.weights == "imagenet"
        case _:
            return False


def tool_versions() -> dict[str, str]:
    """What is installed of the programs that make and run graphs."""
    found = {}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
