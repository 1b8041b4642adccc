"""What can go wrong with a correction, beside what can go wrong with any request.

::

    NotFound
    └── FeedbackOff             404  the operator keeps no corrections
    RotuloError
    ├── ResultConflict          409  the same result was said to be something else
    ├── FeedbackUnavailable     503  the database does not answer; labelling goes on
    └── FeedbackFull            507  as much is kept as may
    UnsupportedMediaType
    └── UnsupportedFeedback     415  neither JSON nor a form
"""

from __future__ import annotations

from typing import Final

from service.errors import NotFound, RotuloError, UnsupportedMediaType
from service.wording import DEFAULT_LANG, Lang, Wording

RETRY_AFTER_SECONDS: Final = "5"
ANOTHER_CORRECTION: Final = Wording("otra corrección", "another correction")
ANOTHER_IMAGE: Final = Wording("otra imagen", "another image")


class FeedbackOff(NotFound):
    """The operator keeps no corrections."""

    slug = "feedback-off"
    title = Wording("Sin correcciones", "No corrections")
    sentence = Wording(
        "Este servicio no recibe correcciones.", "This service takes no corrections."
    )


class ResultConflict(RotuloError):
    """A correction of this result exists, of another model or with another label offered."""

    status = 409
    slug = "result-conflict"
    title = Wording("Resultado distinto", "Another result")
    sentence = Wording(
        "Ya hay una corrección de ese resultado, con otro modelo u otra etiqueta ofrecida.",
        "There is a correction of that result already, with another model or label offered.",
    )


class UnsupportedFeedback(UnsupportedMediaType):
    """The request's Content-Type is neither JSON nor a form."""

    slug = "unsupported-feedback"
    sentence = Wording(
        "El Content-Type debe ser application/json o multipart/form-data.",
        "The Content-Type must be application/json or multipart/form-data.",
    )


class FeedbackUnavailable(RotuloError):
    """The database, or the folder of images, fails or does not answer in time."""

    status = 503
    slug = "feedback-unavailable"
    title = Wording("Correcciones no disponibles", "Corrections unavailable")
    sentence = Wording(
        "La corrección no se pudo guardar ahora; reintente en unos segundos.",
        "The correction could not be kept now; try again in some seconds.",
    )

    def __init__(self) -> None:
        super().__init__()
        self.headers = {"Retry-After": RETRY_AFTER_SECONDS}


class FeedbackFull(RotuloError):
    """As many corrections, or bytes of images, are kept as may (RFC 4918, 11.5)."""

    status = 507
    slug = "feedback-full"
    title = Wording("Sin espacio para correcciones", "No room for corrections")
    sentence = Wording(
        "No queda espacio para guardar {what}.", "There is no room left to keep {what}."
    )

    def __init__(self, what: Wording = ANOTHER_CORRECTION) -> None:
        super().__init__()
        self._what = what

    def detail(self, lang: Lang = DEFAULT_LANG) -> str:
        """Return what there is no room for."""
        return self.sentence.say(lang, what=self._what.say(lang))
