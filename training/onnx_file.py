"""Asks an ONNX file for logits, for who measures it apart from the service that will serve it.

A file in a bundle is read with its manifest: that has its digest and the temperature that counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from pydantic import ValidationError

from service.contract import MANIFEST_FILE, Manifest
from training.errors import RunError
from training.evaluate import Subject, file_digest
from training.run import Run

BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A file that answers, and how: uint8 images [N, H, W, C] to logits [N, classes]."""

    subject: Subject
    logits_of: Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def open_onnx(path: Path, run: Run, temperature: float) -> OnnxFile:
    """An ONNX file of a run, with one thread on the processor.

    Args:
        path: the file, in its bundle or alone.
        run: that it comes from.
        temperature: for a file without a manifest beside it.

    Raises:
        RunError: the file cannot be opened, or it or its manifest is of another run.
    """
    if not path.is_file():
        raise RunError(f"{path} is no file")
    digest, manifest = file_digest(path), _manifest_of(path)
    if manifest is not None:
        _check(manifest, digest, path, run)
        temperature = manifest.temperature
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        outputs = [output.name for output in session.get_outputs()]
    except Exception as error:  # ONNX Runtime's errors have no other common base.
        raise RunError(f"{path} is no ONNX file that can be opened: {error}") from error
    if "logits" not in outputs:
        raise RunError(f"{path} gives {', '.join(outputs)}, and no logits")
    conditions = f"ONNX Runtime {ort.__version__}, CPU, one thread"
    subject = Subject(path.name, digest, conditions, temperature, path)
    return OnnxFile(subject, lambda images: _logits(session, images))


def _logits(session: ort.InferenceSession, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    name = session.get_inputs()[0].name
    parts = [
        session.run(["logits"], {name: images[start : start + BATCH]})[0]
        for start in range(0, len(images), BATCH)
    ]
    return np.concatenate(parts)


def _manifest_of(path: Path) -> Manifest | None:
    beside = path.with_name(MANIFEST_FILE)
    if not beside.is_file():
        return None
    try:
        return Manifest.read(beside)
    except ValidationError as error:
        raise RunError(f"{beside} is no manifest that can be read: {error}") from error


def _check(manifest: Manifest, digest: str, path: Path, run: Run) -> None:
    if manifest.model_sha256 != digest:
        raise RunError(f"{path} is not the file that its manifest is about")
    made_from = (manifest.provenance.recipe, manifest.provenance.seed)
    if made_from != (run.config.recipe.name, run.config.seed):
        raise RunError(f"{path} was made from another run than {run.folder}: {made_from}")
