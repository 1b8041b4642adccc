"""Between a client's words and ours: what a query asks for, and what the model says to it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from service.contract import Manifest
from service.errors import InvalidParameter
from service.identifiers import identifier
from service.labeller import LabelledImage, Labeller, LabelRequest
from service.schemas import (
    LabelQuery,
    LabelsAnswer,
    ModelDetail,
    ModelList,
    ModelRef,
    ModelSummary,
)
from service.wording import Lang, Wording


def label_request(query: LabelQuery, manifest: Manifest) -> LabelRequest:
    """Return what a query asks of a model; the default of top-k is cut to the model's classes.

    Raises:
        InvalidParameter: more labels were asked for than the model has.
    """
    classes = len(manifest.labels)
    if query.top_k > classes and "top_k" in query.model_fields_set:
        reason = Wording(f"Debe ser a lo más {classes}.", f"It must be at most {classes}.")
        raise InvalidParameter("top_k", reason)
    return LabelRequest(top_k=min(query.top_k, classes), min_score=query.min_score)


def labels_answer(
    labelled: LabelledImage,
    manifest: Manifest,
    lang: Lang,
    *,
    started: float,
    read_seconds: float,
) -> LabelsAnswer:
    """Return the answer for one image; ``started`` is a ``time.monotonic()``."""
    timing = timing_ms(labelled.evidence.times.seconds(read_seconds), started)
    return LabelsAnswer.model_validate(labels_fields(labelled, manifest, lang, timing))


def labels_fields(
    labelled: LabelledImage, manifest: Manifest, lang: Lang, timing: Mapping[str, float]
) -> dict[str, object]:
    """Return the fields of a ``LabelsAnswer``, which are sound without being validated."""
    said, seen = labelled.labelling, labelled.evidence
    labels = manifest.labels
    return {
        "id": identifier(),
        "model": _ref(manifest),
        "decision": said.decision.value,
        "labels": [
            {"id": labels[index].id, "name": getattr(labels[index], lang), "score": score}
            for index, score in zip(said.class_indices, said.scores, strict=True)
        ],
        "image": {"width": seen.width, "height": seen.height, "media_type": seen.media_type},
        "timing_ms": timing,
    }


def timing_ms(seconds: Mapping[str, float], started: float) -> dict[str, float]:
    """Return the fields of a ``Timing``: each stage's seconds, and all since ``started``, in ms."""
    timing = {name: round(taken * 1000, 3) for name, taken in seconds.items()}
    timing["total"] = round((time.monotonic() - started) * 1000, 3)
    return timing


def log_facts(
    labelled: LabelledImage, manifest: Manifest, *, with_label: bool
) -> dict[str, str | float]:
    """Return what a log line says of one image; its label only where the operator wants it."""
    labelling = labelled.labelling
    facts: dict[str, str | float] = {
        "model": f"{manifest.name}/{manifest.version}",
        "decision": labelling.decision.value,
    }
    if with_label:
        facts["label"] = manifest.labels[labelling.best].id
        facts["score"] = round(labelling.best_score, 6)
    return facts


def model_ref(manifest: Manifest) -> ModelRef:
    """Return which model it is."""
    return ModelRef(**_ref(manifest))


def _ref(manifest: Manifest) -> dict[str, str]:
    name, version = manifest.ref
    return {"name": name, "version": version, "sha256": manifest.model_sha256}


def model_summary(model: Labeller, default: Labeller) -> ModelSummary:
    """Return a model in a line, with the execution provider that it runs on."""
    manifest = model.manifest
    return ModelSummary(
        **model_ref(manifest).model_dump(),
        title=manifest.title,
        classes=len(manifest.labels),
        provider=model.provider,
        default=model is default,
    )


def model_detail(model: Labeller, default: Labeller) -> ModelDetail:
    """Return all that a model says about itself."""
    manifest = model.manifest
    return ModelDetail(
        **dict(model_summary(model, default)),
        labels=manifest.labels,
        input=manifest.input,
        provenance=manifest.provenance,
        figures=manifest.figures,
    )


def model_list(models: Iterable[Labeller], default: Labeller) -> ModelList:
    """Return models, each in a line."""
    return ModelList(models=tuple(model_summary(model, default) for model in models))
