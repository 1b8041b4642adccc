"""What a graph must take and give, by its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from service.errors import BundleError

if TYPE_CHECKING:
    import onnxruntime

    from service.bundles import Bundle
    from service.contract import Manifest

INPUT_NAME: Final = "image"
OUTPUT_NAME: Final = "logits"
FAMILIARITY_NAME: Final = "familiarity"


def output_axes(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """Return the outputs that the graph must have, each with its axes after the free first one."""
    outputs: dict[str, tuple[int, ...]] = {OUTPUT_NAME: (len(manifest.labels),)}
    if manifest.abstention.familiarity is not None:
        outputs[FAMILIARITY_NAME] = ()
    return outputs


def check_signature(bundle: Bundle, session: onnxruntime.InferenceSession) -> None:
    """Compare the graph with the manifest; the first axis must be free in both directions.

    Raises:
        BundleError: they differ.
    """
    spec = bundle.manifest.input
    wanted = output_axes(bundle.manifest)
    found = {f"input {node.name}": (node.type, *node.shape) for node in session.get_inputs()} | {
        f"output {node.name}": (node.type, *node.shape)
        for node in session.get_outputs()
        if node.name in wanted
    }
    expected = {
        f"input {INPUT_NAME}": ("tensor(uint8)", spec.height, spec.width, spec.channels),
        **{f"output {name}": ("tensor(float)", *axes) for name, axes in wanted.items()},
    }
    seen = {name: (kind, *axes[1:]) for name, (kind, *axes) in found.items() if _is_free(axes)}
    if seen != expected:
        message = (
            f"{bundle.model_path} takes and gives {found}, where its manifest says {expected} "
            f"after a free first axis; export the bundle again"
        )
        raise BundleError(message)


def _is_free(axes: list[int | str | None]) -> bool:
    return bool(axes) and not isinstance(axes[0], int)
