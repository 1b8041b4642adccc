"""What a correction is over the wire."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from service.feedback.corrections import Status

NONE_OF_THEM: Final = "none"
MAX_COMMENT: Final = 500

EXAMPLE_BODY: Final[dict[str, Any]] = {
    "result_id": "21b9811a8616477a8e97232c94bf697f",
    "label": "cat",
    "offered": "dog",
    "model": {"name": "cifar10", "version": "1"},
    "comment": "Es un gato de perfil.",
}
EXAMPLE_ANSWER: Final[dict[str, Any]] = {
    "result_id": EXAMPLE_BODY["result_id"],
    "status": "recorded",
    "label": "cat",
    "image": False,
}

_Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AskedModel(_Wire):
    """The model that answered, as the result named it."""

    name: _Name
    version: _Name


class FeedbackBody(_Wire):
    """Which label is right for a result, in the eyes of a person."""

    result_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] = Field(
        description="The result's `id`. Only its shape is checked: no result is kept."
    )
    label: _Name = Field(description="Id of the right label, or `none` when no label is right.")
    offered: _Name = Field(description="Id of the label that was offered as the best one.")
    model: AskedModel
    comment: Annotated[str, StringConstraints(max_length=MAX_COMMENT)] | None = Field(
        None, description="What the person wants to add; please, nothing about anybody."
    )

    @field_validator("comment")
    @classmethod
    def _plain_text(cls, comment: str | None) -> str | None:
        """Drop what is no text: databases refuse some of it, and none of it can be read."""
        if comment is None:
            return None
        kept = (c for c in comment if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})
        return "".join(kept).strip() or None


class FeedbackAnswer(_Wire):
    """What became of a correction."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ANSWER]})

    result_id: str
    status: Literal["recorded", "unchanged", "updated"] = Field(
        description="`updated`: it replaces what was said of this result before."
    )
    label: str
    image: bool = Field(description="Whether an image is kept beside it.")


def answer_of(body: FeedbackBody, status: Status, *, image: bool) -> FeedbackAnswer:
    """Return the answer to a correction."""
    return FeedbackAnswer(
        result_id=body.result_id, status=status.value, label=body.label, image=image
    )


def body_schema() -> dict[str, Any]:
    """Return the JSON schema of the body with its one part written out, for OpenAPI."""
    schema = FeedbackBody.model_json_schema()
    parts = schema.pop("$defs")
    schema["properties"]["model"] = parts[AskedModel.__name__]
    return schema
