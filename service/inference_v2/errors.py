"""What can be wrong with an inference request, beside what can be wrong with any upload.

::

    BadRequest
    └── InvalidInference        400  not JSON of the protocol, or tensors that the model cannot take
    TooManyFiles
    └── TooManyImages           413  more images than one request may hold
"""

from __future__ import annotations

from service.errors import BadRequest, TooManyFiles
from service.wording import DEFAULT_LANG, Lang, Wording

_UNSAID = Wording("La petición no es del protocolo V2.", "The request is not of the V2 protocol.")


class InvalidInference(BadRequest):
    """The request is not of the protocol, or its tensors are not what the model takes."""

    slug = "invalid-inference"
    title = Wording("Inferencia mal pedida", "Invalid inference request")

    def __init__(self, reason: Wording | None = None) -> None:
        super().__init__()
        self.reason = reason or _UNSAID

    def detail(self, lang: Lang = DEFAULT_LANG) -> str:
        """Return what is wrong; it quotes names of the protocol and numbers, never data."""
        return self.reason.say(lang)


class TooManyImages(TooManyFiles):
    """A tensor of more images than one request may hold."""

    slug = "too-many-images"
    title = Wording("Demasiadas imágenes", "Too many images")
    sentence = Wording(
        "El tensor trae más de {limit} imágenes; divídalo en varias peticiones.",
        "The tensor has more than {limit} images; send it in several requests.",
    )
