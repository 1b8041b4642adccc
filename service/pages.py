"""What the editor's page says: from answers and problems to words and markup.

The page is complete without its script: a plain form goes in, results come out, rendered by the
same templates that the script fills. Names of uploaded files are never part of an answer, so
results that the server renders are told apart by their place in the upload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.assets import Assets
from service.contract import Manifest
from service.errors import PayloadTooLarge
from service.i18n import Catalogue, load_catalogues
from service.schemas import LabelsAnswer, Problem
from service.settings import Settings
from service.wording import Lang

TEMPLATES: Final = Path(__file__).parent / "templates"
STATIC_PATH: Final = "/static"
MAX_IN_FLIGHT: Final = 3
"""Images that one page asks about at a time; more would only wait in our own queue."""
MAX_TRIES: Final = 5
MAX_FILES: Final = 1000
"""Images on one page at a time; a browser on a cheap phone still scrolls them."""
LIVE_MINUTES: Final = 5
"""How long a camera that nobody turns off is labelled."""
FRAME_SECONDS: Final = 1.0
"""Least pause between two frames of a camera."""
NO_LABEL: Final = "none"
"""What a correction says when no label of the model is right."""

FORMAT_NAMES: Final[Mapping[str, str]] = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WebP",
    "image/gif": "GIF",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
}
"""The formats that we take as people call them, the usual ones first."""

LANGUAGE_NAMES: Final[Mapping[Lang, str]] = {"es": "Español", "en": "English"}
_SCRIPT_GROUPS: Final = (
    "announce", "camera", "card", "correct", "csv", "decision", "error", "filter", "form",
    "problem", "results", "unit",
)  # fmt: skip
_MODULES: Final = (
    "answer.js", "camera.js", "card.js", "correction.js", "deck.js", "dom.js", "downloads.js",
    "explanation.js", "intake.js", "queue.js", "service.js", "thumbnails.js", "words.js",
)  # fmt: skip
"""What page.js imports, and what those import: fetched together, not one after another."""

EXAMPLES: Final[Mapping[str, str]] = {
    "example-cat.webp": "examples.cat",
    "example-ship.webp": "examples.ship",
    "example-coffee.webp": "examples.coffee",
    "example-wall.webp": "examples.wall",
}
_KINDS: Final[Mapping[str, str]] = {
    "all": "filter.all",
    "accept": "decision.accept",
    "review": "decision.review",
    "abstain": "decision.abstain",
    "failed": "filter.failed",
}


@dataclass(frozen=True, slots=True)
class ScoreView:
    """One label as shown: its name, its score in words, the length of its bar (0–100)."""

    name: str
    percent: str
    share: str


@dataclass(frozen=True, slots=True)
class ProblemView:
    """What went wrong, and what to do about it."""

    title: str
    words: str


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One uploaded image by its place in the upload (from 1), with labels or a problem."""

    number: int
    meta: str = ""
    decision: str = ""
    labels: tuple[ScoreView, ...] = ()
    problem: ProblemView | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """For whom a page is made: language, the address prefix of the service, model and limits."""

    lang: Lang
    base: str
    manifest: Manifest | None
    settings: Settings


@dataclass(frozen=True, slots=True)
class Features:
    """What the operator offers beside labels."""

    explanations: bool
    feedback: bool
    images: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read them from the settings."""
        return cls(
            explanations=settings.explanations_at_once > 0,
            feedback=bool(settings.feedback_url),
            images=settings.feedback_images is not None,
        )


class EditorPage:
    """Renders ``/``; immutable once built."""

    def __init__(
        self, catalogues: Mapping[Lang, Catalogue], assets: Assets, environment: Environment
    ) -> None:
        self.assets = assets
        self.environment = environment
        self.catalogues = catalogues
        self._template = environment.get_template("page.html")

    @classmethod
    def load(cls) -> Self:
        """Read catalogues, static files and templates of this package."""
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        return cls(load_catalogues(), Assets.read(), environment)

    def empty(self, request: PageRequest) -> str:
        """Return the page before anything was uploaded."""
        return self._render(request)

    def results(self, request: PageRequest, items: Sequence[LabelsAnswer | Problem]) -> str:
        """Return the page with one card for each item of an answer, in its order."""
        t = self.catalogues[request.lang]
        answers = [self._answer_view(request, n, item) for n, item in enumerate(items, start=1)]
        failed = sum(answer.problem is not None for answer in answers)
        summary = [t.count("announce.labelled", len(answers) - failed)]
        if failed:
            summary.append(t.count("announce.failed", failed))
        return self._render(
            request, "page.title_results", answers=answers, summary=" ".join(summary)
        )

    def nothing_chosen(self, request: PageRequest) -> str:
        """Return the page for a form that was sent without a file."""
        return self._render(request, "page.title_error", empty=True)

    def refused(self, request: PageRequest, problem: Problem) -> str:
        """Return the page for an upload that was refused as a whole."""
        view = self._problem_view(request, problem)
        return self._render(request, "page.title_error", problem=view)

    def _render(
        self,
        request: PageRequest,
        title_key: str | None = None,
        **parts: Any,
    ) -> str:
        t = self.catalogues[request.lang]
        plain = t.text("page.title")
        known = self._limits(request)
        shown: dict[str, Any] = {
            "answers": (), "problem": None, "empty": False, "summary": "", **parts,
        }  # fmt: skip
        return self._template.render(
            t=t,
            title=t.text(title_key, title=plain) if title_key else plain,
            base=request.base,
            static=f"{request.base}{STATIC_PATH}/{self.assets.digest}",
            languages=LANGUAGE_NAMES,
            manifest=request.manifest,
            modules=_MODULES,
            examples=EXAMPLES,
            kinds=_KINDS,
            features=Features.of(request.settings),
            live_minutes=LIVE_MINUTES,
            accept=",".join(FORMAT_NAMES),
            script_data=self._script_data(request),
            **known,
            **shown,
        )

    def _limits(self, request: PageRequest) -> dict[str, str]:
        t = self.catalogues[request.lang]
        return {
            "formats": t.alternatives(tuple(FORMAT_NAMES.values())),
            "size": t.megabytes(request.settings.max_upload_bytes),
        }

    def _script_data(self, request: PageRequest) -> dict[str, object]:
        t = self.catalogues[request.lang]
        settings = request.settings
        features = Features.of(settings)
        api, lang = f"{request.base}/v1", f"?lang={request.lang}"
        return {
            "lang": request.lang,
            "locale": t.tag,
            "labels": f"{api}/labels{lang}",
            "models": f"{api}/models",
            "explanations": f"{api}/explanations{lang}" if features.explanations else None,
            "feedback": f"{api}/feedback{lang}" if features.feedback else None,
            "noLabel": NO_LABEL,
            "maxFiles": MAX_FILES,
            "liveMinutes": LIVE_MINUTES,
            "frameSeconds": FRAME_SECONDS,
            "maxUploadBytes": settings.max_upload_bytes,
            "maxInFlight": MAX_IN_FLIGHT,
            "maxTries": MAX_TRIES,
            "timeoutSeconds": settings.upload_timeout_seconds
            + max(settings.request_timeout_seconds, settings.explanation_timeout_seconds),
            **self._limits(request),
            "texts": {
                **t.group(*_SCRIPT_GROUPS),
                f"problem.{PayloadTooLarge.slug}": PayloadTooLarge.title.say(request.lang),
            },
        }

    def _answer_view(
        self, request: PageRequest, number: int, item: LabelsAnswer | Problem
    ) -> AnswerView:
        t = self.catalogues[request.lang]
        if isinstance(item, Problem):
            return AnswerView(number, problem=self._problem_view(request, item))
        image = item.image
        return AnswerView(
            number,
            meta=t.text(
                "card.meta",
                format=FORMAT_NAMES[image.media_type],
                width=image.width,
                height=image.height,
            ),
            decision=item.decision,
            labels=tuple(
                ScoreView(label.name, t.percent(label.score), f"{100 * label.score:.1f}")
                for label in item.labels
            ),
        )

    def _problem_view(self, request: PageRequest, problem: Problem) -> ProblemView:
        t = self.catalogues[request.lang]
        key = "error." + problem.type.rpartition(":")[2]
        known = key in t.texts
        return ProblemView(
            title=problem.title,
            words=t.text(key, **self._limits(request)) if known else problem.detail,
        )
