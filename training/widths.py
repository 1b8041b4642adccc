"""The same architecture with more or fewer filters."""

from typing import Final

from training.recipe import Airbench, Mlp, Model, PlainCnn, ResidualBlocks, ReXNet

# The one number that says how wide a network is, by the kind of its part.
NUMBER: Final = {
    "densenet": "growth",
    "resnet": "width",
    "resnet-v2": "width",
    "tiny-cnn": "width",
    "wide-resnet": "widen",
}


def widened(model: Model, factor: float) -> Model | None:
    """The network with that many times the width; None where its width is not for choosing.

    Published networks are as wide as their weights are.
    """

    def wide(widths: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(max(1, round(width * factor)) for width in widths)

    match model:
        case Airbench(widths=widths) | ResidualBlocks(widths=widths):
            changes: dict[str, object] = {"widths": wide(widths)}
        case Mlp(hidden=hidden):
            changes = {"hidden": wide(hidden)}
        case ReXNet(width=width):
            changes = {"width": width * factor}
        case PlainCnn(stages=stages, dense=dense):
            wider = [s.model_copy(update={"filters": wide(s.filters)}) for s in stages]
            changes = {"stages": tuple(wider), "dense": wide(dense)}
        case _ if model.kind in NUMBER:
            name = NUMBER[model.kind]
            changes = {name: wide((getattr(model, name),))[0]}
        case _:
            return None
    return model.model_copy(update=changes)
