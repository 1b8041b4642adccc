"""The record of the algorithm: what the model in service is, in words that anyone can read.

It is made from the manifest of the model that answers now, and from the settings, each time that
somebody asks. The page and the JSON show this record and nothing else, so that neither can say
anything that the model's own manifest does not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from service.answers import model_ref
from service.contract import Figure, Manifest
from service.i18n import Catalogue
from service.schemas import ModelRef
from service.settings import Settings
from service.wording import Lang

TEST: Final = "test"
"""The split of figures that were measured on images kept aside for it."""
PHOTOS: Final = "photos"
"""The split of figures that were measured on photos as people send them."""


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class Responsible(_Wire):
    """Who answers for this service, as its operator says; null where nothing is said."""

    name: str | None
    contact: str | None


class Origin(_Wire):
    """What the model learned from, and how to fit it again."""

    data: str
    data_lang: Lang = Field(description="Language of the data's description.")
    data_sha256: str
    recipe: str
    commit: str
    created: datetime


class ClassQuality(_Wire):
    """One label. Of the test images: how many it says rightly, and how many it finds (0 to 1)."""

    id: str
    name: str
    precision: float | None = None
    recall: float | None = None
    images: int | None = None


class Measured(_Wire):
    """The share of right answers, 0 to 1, with its 95 % interval where it is known."""

    accuracy: float
    low: float | None = None
    high: float | None = None
    images: int
    conditions: str
    conditions_lang: Lang = Field(description="Language of the conditions: not all have Spanish.")


class Kept(_Wire):
    """What this service keeps, as it is set up now; images only with their senders' consent."""

    corrections: bool
    images_by_consent: bool
    days: int | None = Field(description="Days until what is kept is deleted; null for nothing.")


class TransparencyRecord(_Wire):
    """What the model in service is for, how good it is, what it does not know, and who answers."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.update(examples=[EXAMPLE]))

    lang: Lang
    model: ModelRef
    title: str
    purpose: str
    responsible: Responsible
    origin: Origin
    labels: tuple[ClassQuality, ...]
    test: Measured | None = Field(description="On images kept aside for it; null: not measured.")
    photos: Measured | None = Field(description="On photos as people send; null: not measured.")
    decisions: str
    limits: tuple[str, ...]
    images: tuple[str, ...]
    kept: Kept
    objection: str
    figures: tuple[Figure, ...] = Field(description="Everything that was measured.")


def record_of(manifest: Manifest, settings: Settings, t: Catalogue) -> TransparencyRecord:
    """Return the record of a model, as this service is set up, in the catalogue's language."""
    names = [label.en if t.lang == "en" else label.es for label in manifest.labels]
    origin = manifest.provenance
    data, data_lang = _in(t.lang, origin.data, origin.data_es)
    return TransparencyRecord(
        lang=t.lang,
        model=model_ref(manifest),
        title=manifest.title.en if t.lang == "en" else manifest.title.es,
        purpose=t.text(
            "transparency.purpose.text", n=t.integer(len(names)), labels=t.together(names)
        ),
        responsible=Responsible(
            name=settings.responsible_name or None, contact=settings.responsible_contact or None
        ),
        origin=Origin(
            data=data,
            data_lang=data_lang,
            data_sha256=origin.data_sha256,
            recipe=origin.recipe,
            commit=origin.commit,
            created=origin.created,
        ),
        labels=tuple(
            _class_quality(manifest, label.id, name)
            for label, name in zip(manifest.labels, names, strict=True)
        ),
        test=_measured(manifest, TEST, t.lang),
        photos=_measured(manifest, PHOTOS, t.lang),
        decisions=_decisions(manifest, t),
        limits=_limits(manifest, t),
        images=_images(settings, t),
        kept=Kept(
            corrections=bool(settings.feedback_url),
            images_by_consent=settings.feedback_images is not None,
            days=settings.feedback_days if settings.feedback_url else None,
        ),
        objection=t.text("transparency.objection.text"),
        figures=manifest.figures,
    )


def _figure(manifest: Manifest, name: str, split: str) -> Figure | None:
    for figure in manifest.figures:
        if (figure.name, figure.split) == (name, split):
            return figure
    return None


def _value(manifest: Manifest, name: str, split: str) -> float | None:
    figure = _figure(manifest, name, split)
    return figure.value if figure else None


def _in(lang: Lang, english: str, spanish: str | None) -> tuple[str, Lang]:
    """Return a manifest's words in a language if it has them, and the language that they are in."""
    return (spanish, "es") if lang == "es" and spanish is not None else (english, "en")


def _measured(manifest: Manifest, split: str, lang: Lang) -> Measured | None:
    accuracy = _figure(manifest, "accuracy", split)
    if accuracy is None:
        return None
    conditions, conditions_lang = _in(lang, accuracy.conditions, accuracy.conditions_es)
    return Measured(
        accuracy=accuracy.value,
        low=_value(manifest, "accuracy_low_95", split),
        high=_value(manifest, "accuracy_high_95", split),
        images=accuracy.n,
        conditions=conditions,
        conditions_lang=conditions_lang,
    )


def _class_quality(manifest: Manifest, label: str, name: str) -> ClassQuality:
    recall = _figure(manifest, f"recall.{label}", TEST)
    return ClassQuality(
        id=label,
        name=name,
        precision=_value(manifest, f"precision.{label}", TEST),
        recall=recall.value if recall else None,
        images=recall.n if recall else None,
    )


def _decisions(manifest: Manifest, t: Catalogue) -> str:
    rule, known = manifest.abstention, manifest.abstention.familiarity
    by_score = t.text(
        "transparency.decisions.text",
        accept=t.percent(rule.accept),
        review=t.percent(rule.review),
        n=t.integer(rule.n),
        coverage=t.percent(rule.coverage),
        error=t.percent(rule.error),
    )
    if known is None:
        return by_score
    by_familiarity = t.text(
        "transparency.decisions.familiarity",
        n=t.integer(known.n),
        coverage=t.percent(known.coverage),
    )
    if known.others is None or known.others_accepted is None:
        return f"{by_score} {by_familiarity}"
    by_others = t.text(
        "transparency.decisions.others",
        n=t.integer(known.others),
        accepted=t.percent(known.others_accepted),
    )
    return f"{by_score} {by_familiarity} {by_others}"


def _limits(manifest: Manifest, t: Catalogue) -> tuple[str, ...]:
    spec = manifest.input
    return (
        t.text("transparency.limits.closed", n=t.integer(len(manifest.labels))),
        t.text("transparency.limits.size", width=spec.width, height=spec.height),
        t.text("transparency.limits.one"),
        t.text("transparency.limits.elsewhere"),
    )


def _images(settings: Settings, t: Catalogue) -> tuple[str, ...]:
    told = [t.text("transparency.images.memory")]
    if not settings.feedback_url:
        return (*told, t.text("transparency.images.nothing"))
    days = settings.feedback_days
    told.append(t.count("transparency.images.corrections", days))
    if settings.feedback_images is not None:
        told.append(t.count("transparency.images.consent", days))
    return tuple(told)


EXAMPLE: Final[dict[str, Any]] = {
    "lang": "es",
    "model": {"name": "cifar10", "version": "1", "sha256": "0" * 64},
    "title": "Diez clases de vehículos y animales",
    "purpose": "Sugiere cuál de 2 etiquetas tiene una imagen: gato y perro.",
    "responsible": {"name": "Municipalidad de Ejemplo", "contact": "transparencia@example.cl"},
    "origin": {
        "data": "cifar10, 50.000 imágenes",
        "data_lang": "es",
        "data_sha256": "0" * 64,
        "recipe": "airbench94",
        "commit": "191183a",
        "created": "2026-11-21T12:00:00Z",
    },
    "labels": [
        {"id": "cat", "name": "gato", "precision": 0.88, "recall": 0.87, "images": 1000},
        {"id": "dog", "name": "perro", "precision": 0.89, "recall": 0.9, "images": 1000},
    ],
    "test": {
        "accuracy": 0.94,
        "low": 0.937,
        "high": 0.946,
        "images": 10000,
        "conditions": "CPU",
        "conditions_lang": "en",
    },
    "photos": {
        "accuracy": 0.91,
        "low": 0.84,
        "high": 0.95,
        "images": 90,
        "conditions": "CPU",
        "conditions_lang": "en",
    },
    "decisions": "Con un puntaje de 93,0 % o más la respuesta es «Segura».",
    "limits": ["Solo conoce esas 2 etiquetas."],
    "images": ["Cada imagen se procesa en la memoria del servidor."],
    "kept": {"corrections": True, "images_by_consent": False, "days": 180},
    "objection": "Escriba a quien responde por el servicio.",
    "figures": [
        {"name": "accuracy", "value": 0.94, "n": 10000, "split": "test", "conditions": "CPU"}
    ],
}
