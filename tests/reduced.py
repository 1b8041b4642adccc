"""The networks of all recipes, so narrow and shallow that they are built and fitted in moments."""

from __future__ import annotations

from training.recipe import Mlp, Model, PlainCnn

SHAPE = (32, 32, 3)
NARROW = 8

# By the kind of the part; published networks, which are as they are, are left out.
CHANGES: dict[str, dict[str, object]] = {
    "airbench": {"widths": (NARROW,) * 3},
    "coatnet": {"widths": (NARROW,) * 5, "depths": (1,) * 5, "head_width": 4},
    "densenet": {"layers": 1, "growth": 4, "first": NARROW},
    "efficientnet-lite": {"resolution": 32},
    "residual-blocks": {"widths": (4, 4, NARROW)},
    "resnet": {"depth": 8, "width": 4},
    "resnet-v2": {"depth": 11, "width": 4},
    "rexnet": {"width": 0.2},
    "wide-resnet": {"depth": 10, "widen": 1},
}


def reduced(model: Model) -> Model:
    """Return the same architecture with few filters and layers."""
    changes = CHANGES.get(model.kind, {})
    if isinstance(model, Mlp):
        changes = {"hidden": (NARROW,) * len(model.hidden)}
    if isinstance(model, PlainCnn):
        stages = [
            stage.model_copy(update={"filters": (NARROW,) * len(stage.filters)})
            for stage in model.stages
        ]
        changes = {"stages": tuple(stages), "dense": (NARROW,) * len(model.dense)}
    return model.model_copy(update=changes)
