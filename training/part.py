"""What every part of a recipe is."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

UnitInterval = Annotated[float, Field(ge=0.0, le=1.0)]


class Part(BaseModel):
    """Base of the parts of a recipe: immutable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")
