"""The parts of a recipe that say how training images vary from epoch to epoch."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from training.part import Part, UnitInterval


class RandAugment(Part):
    """Cubuk 2019 (arXiv 1909.13719): for each image, some of fourteen operations in turn.

    `magnitude` is how strong each may be, as a share of the paper's range.
    """

    operations: PositiveInt = 2
    magnitude: UnitInterval = 0.3


class Mix(Part):
    """Each image takes on a part of another one of its batch, and of its label.

    `mixup` blends the two (Zhang 2017, arXiv 1710.09412), `cutmix` pastes a box of the other (Yun
    2019, arXiv 1905.04899). The part is drawn from Beta(`alpha`, `alpha`).
    """

    kind: Literal["mixup", "cutmix"]
    alpha: PositiveFloat = 0.2


class Augmentation(Part):
    """How a training image varies from epoch to epoch, in the order of the fields.

    `flip` is left-right: `alternating` shows each image once as it is and once mirrored in every
    two epochs (Jordan 2024, section 3.6). An image is turned by up to `rotate` degrees, sheared by
    up to `shear` degrees, shifted by up to the share `shift` of its sides, and shown up to the
    share `zoom` larger or smaller. `translate` is a shift by whole pixels, up to so many: a crop of
    the padded image. What these leave empty is a reflection, or black. With `focus` an image is as
    blurred as a filter of 5 by 5 pixels makes it, or up to so many times as far from that the other
    way, which is sharp. `cutout` is the side in
    pixels of a grey square somewhere (DeVries 2017, arXiv 1708.04552).
    """

    flip: Literal["none", "random", "alternating"] = "none"
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    shear: Annotated[float, Field(ge=0, le=60)] = 0.0
    shift: UnitInterval = 0.0
    zoom: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    translate: NonNegativeInt = 0
    fill: Literal["reflect", "constant"] = "reflect"
    rand_augment: RandAugment | None = None
    focus: NonNegativeFloat = 0.0
    cutout: NonNegativeInt = 0
    mix: Mix | None = None

    @property
    def moves(self) -> bool:
        """Whether images turn, shear, shift or zoom by parts of pixels."""
        return bool(self.rotate or self.shear or self.shift or self.zoom)
