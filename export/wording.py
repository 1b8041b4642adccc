"""How a bundle is called, and how it takes photos."""

from pydantic import BaseModel, ConfigDict

from export.policy import FILTER, RESIZE
from service.contract import Filter, LocalisedText, Resize
from service.manifest import Identifier, Version


class Wording(BaseModel):
    """What export is told and cannot see in a run; `title` follows from the data if None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Identifier
    version: Version = "1"
    title: LocalisedText | None = None
    resize: Resize = RESIZE
    filter: Filter = FILTER
