"""What an experiment is: frozen, typed, and written whole into its run folder.

A recipe names its data, its model, how images are varied while fitting, and how the weights are
found. Two runs of one recipe with one seed on one device do the same thing. This module is the
door to all parts; those of a kind live together in `architectures`, `optimisation` and `variation`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from training.architectures import (
    Airbench,
    Backbone,
    CoAtNet,
    DenseNet,
    EfficientNetLite,
    Mlp,
    Model,
    Network,
    Pair,
    PlainCnn,
    ResidualBlocks,
    ResNet,
    ResNetV2,
    ReXNet,
    Stage,
    TinyCnn,
    WideResNet,
)
from training.optimisation import (
    Adam,
    AdamW,
    Constant,
    Cosine,
    EarlyStopping,
    EpochSteps,
    LogisticHead,
    Lookahead,
    Monitor,
    NesterovSgd,
    Optimiser,
    Plateau,
    RmsProp,
    Schedule,
    Sgd,
    Steps,
    Triangle,
)
from training.own_data import OwnData
from training.part import Part, UnitInterval
from training.variation import Augmentation, Mix, RandAugment

Views = Literal["single", "flip", "flip-shift"]


class Fit(Part):
    """How the weights are found.

    `keep_best` names what the epoch whose weights are kept is best in; without it the last epoch's
    are. `planned_epochs` is what the recipe says when a run was given another number of epochs.
    `others_share` is how many pictures of other things come with a batch, as a share of its size,
    where a run has any.
    Where there is a `head` it is fitted first; without any epochs nothing else is.
    """

    epochs: NonNegativeInt
    batch_size: PositiveInt
    optimiser: Optimiser
    schedule: Schedule = Constant()
    label_smoothing: UnitInterval = 0.0
    lookahead: Lookahead | None = None
    whitening_bias_epochs: PositiveInt | None = None
    early_stopping: EarlyStopping | None = None
    plateau: Plateau | None = None
    keep_best: Monitor | None = None
    planned_epochs: PositiveInt | None = None
    head: LogisticHead | None = None
    others_share: UnitInterval = 0.125

    @model_validator(mode="after")
    def _something_is_fitted(self) -> Self:
        if not self.epochs and self.head is None:
            raise ValueError("a fit without epochs needs a head")
        return self

    @property
    def looks_at_validation(self) -> bool:
        """Whether the weights that are kept depend on validation images."""
        return bool(self.early_stopping or self.plateau or self.keep_best)

    def lasting(self, epochs: int) -> "Fit":
        """The same fit over another number of epochs, all that counts epochs in proportion."""
        if epochs == self.epochs:
            return self
        if not self.epochs:
            return self.model_copy(update={"epochs": epochs})
        planned = self.planned_epochs or self.epochs

        def scaled(count: int) -> int:
            return max(1, round(count * epochs / self.epochs))

        changes: dict[str, object] = {"epochs": epochs, "planned_epochs": planned}
        if self.whitening_bias_epochs:
            changes["whitening_bias_epochs"] = scaled(self.whitening_bias_epochs)
        for name in ("early_stopping", "plateau"):
            if part := getattr(self, name):
                changes[name] = part.model_copy(update={"patience": scaled(part.patience)})
        return self.model_copy(update=changes)


class Recipe(Part):
    """One experiment. `views` are the variants of an image whose logits are averaged at the end."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    family: str
    summary: str
    data: str | OwnData = "cifar10"
    model: Model
    augmentation: Augmentation = Augmentation()
    fit: Fit
    views: Views = "single"

    @property
    def data_name(self) -> str:
        """What the data set is called, registered or a person's own."""
        return self.data if isinstance(self.data, str) else self.data.name


__all__ = [
    "Adam",
    "AdamW",
    "Airbench",
    "Augmentation",
    "Backbone",
    "CoAtNet",
    "Constant",
    "Cosine",
    "DenseNet",
    "EarlyStopping",
    "EfficientNetLite",
    "EpochSteps",
    "Fit",
    "LogisticHead",
    "Lookahead",
    "Mix",
    "Mlp",
    "Model",
    "Monitor",
    "NesterovSgd",
    "Network",
    "Optimiser",
    "OwnData",
    "Pair",
    "Part",
    "PlainCnn",
    "Plateau",
    "RandAugment",
    "ReXNet",
    "Recipe",
    "ResNet",
    "ResNetV2",
    "ResidualBlocks",
    "RmsProp",
    "Schedule",
    "Sgd",
    "Stage",
    "Steps",
    "TinyCnn",
    "Triangle",
    "UnitInterval",
    "Views",
    "WideResNet",
]
