"""The ways to run a graph, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from service.contract import InputSpec
from service.providers import cuda, openvino, tensorrt
from service.providers.options import Accelerator, Precision, Provider, ProviderOptions
from service.providers.parity import COARSE, EXACT, ROUNDED
from service.providers.runners import Device

CPU: Final = "CPUExecutionProvider"
TITLES: Final = MappingProxyType({"cuda": "CUDA", "tensorrt": "TensorRT", "openvino": "OpenVINO"})
OBSTACLES: Final[Mapping[str, Callable[[], str | None]]] = MappingProxyType(
    {
        "cuda": cuda.cuda_obstacle,
        "tensorrt": tensorrt.tensorrt_obstacle,
        "openvino": openvino.openvino_obstacle,
    }
)
"""What stands in the way of each before any session is built, or None."""

WITHIN: Final[Mapping[Precision, float]] = MappingProxyType(
    {"f32": EXACT, "f16": ROUNDED, "bf16": COARSE}
)
"""How far from the CPU's OpenVINO's answers may be, by what it computes in."""

_NO_GPU: Final = "ONNX Runtime could not use the GPU; is one visible, and its driver recent enough?"
_NOT_TAKEN: Final = "ONNX Runtime built the session without it"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to run a graph.

    ``execution`` is ONNX Runtime's name, which the finished session must have; ``asked`` are the
    providers and options that a session is built with. On a ``device`` batches run bound to
    buffers, with ``graphs`` or without. ``within`` bounds the distance of the answers from the
    CPU's (`service.providers.parity`); ``manner`` says what is particular about this attempt.
    """

    provider: Accelerator
    execution: str
    asked: tuple[tuple[str, Mapping[str, str]], ...]
    within: float
    manner: str = ""
    device: Device | None = None
    graphs: bool = False
    absent: str = _NOT_TAKEN

    @property
    def title(self) -> str:
        """Return how it is called in messages."""
        return f"{TITLES[self.provider]}{self.manner}"


def accelerators(provider: Provider, options: ProviderOptions) -> tuple[Accelerator, ...]:
    """Return what is tried before the CPU, in order."""
    if provider == "cpu":
        return ()
    return options.auto if provider == "auto" else (provider,)


def attempts_of(
    provider: Accelerator, options: ProviderOptions, spec: InputSpec, intra_op_threads: int
) -> tuple[Attempt, ...]:
    """Return the ways to run a graph on a provider, the fastest first."""
    if provider == "openvino":
        return _openvino_attempts(options, intra_op_threads)
    gpu = Device("cuda", options.gpu_device)
    if provider == "tensorrt":
        # What TensorRT does not take, CUDA does.
        asked = (
            (tensorrt.EXECUTION_PROVIDER, tensorrt.tensorrt_options(options, spec)),
            (cuda.EXECUTION_PROVIDER, cuda.cuda_options(options, graphs=False)),
        )
        # Its float32 is TensorFloat-32 on GPUs that have it.
        return (
            Attempt(
                "tensorrt",
                tensorrt.EXECUTION_PROVIDER,
                asked,
                ROUNDED,
                device=gpu,
                graphs=options.cuda_graphs,
                absent=_NO_GPU,
            ),
        )
    # A graph with a node that only the CPU has cannot be recorded; the session then says so.
    ways = ((" with graphs", True), (" without graphs", False))
    return tuple(
        Attempt(
            "cuda",
            cuda.EXECUTION_PROVIDER,
            ((cuda.EXECUTION_PROVIDER, cuda.cuda_options(options, graphs=graphs)),),
            EXACT,
            manner,
            gpu,
            graphs,
            absent=_NO_GPU,
        )
        for manner, graphs in ways
        if options.cuda_graphs or not graphs
    )


def _openvino_attempts(options: ProviderOptions, intra_op_threads: int) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            "openvino",
            openvino.EXECUTION_PROVIDER,
            (
                (
                    openvino.EXECUTION_PROVIDER,
                    openvino.openvino_options(
                        precision,
                        streams=options.parallel_runs,
                        threads=options.parallel_runs * intra_op_threads,
                    ),
                ),
            ),
            WITHIN[precision],
            f" in {precision}",
        )
        for precision in openvino.precisions(options.openvino_precision)
    )
