"""From an inference request to its answer: each image is a job like any other."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Coroutine, Iterable
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from service.answers import log_facts
from service.deadlines import deadline_of
from service.errors import EmptyBody, UnsupportedMediaType
from service.inference_v2.errors import InvalidInference
from service.inference_v2.outputs import answer, wanted_outputs
from service.inference_v2.tensors import TensorLimits, read_inference
from service.inference_v2.wire import HEADER_LENGTH, InferRequest
from service.labeller import Labeller, LabelRequest
from service.presence import ClientPresence
from service.settings import Settings
from service.stages import RequestStages, keep_stages
from service.state import state_of
from service.uploads import read_body
from service.wording import Wording

T = TypeVar("T")
_MICROSECONDS: Final = 1_000_000
_HEADER_DIGITS: Final = 12
_BEST: Final = LabelRequest(top_k=1)  # of a labelling the metrics and the log know the best alone


def tensor_limits(settings: Settings) -> TensorLimits:
    """Return the bounds of one request; never more images than an idle service would take."""
    images = min(settings.max_batch_files, settings.max_images_in_flight, settings.max_queue)
    return TensorLimits(images, settings.max_upload_bytes)


async def infer(request: Request, labeller: Labeller) -> Response:
    """Answer an inference request with a model that was just looked up.

    It ends as a whole: the first image that fails ends the others.

    Raises:
        RotuloError: as ``read_inference``, ``wanted_outputs`` and ``Labeller.label``.
        ClientLeft: the connection closed before the end.
    """
    state, started = state_of(request), time.monotonic()
    settings, manifest = state.settings, labeller.manifest
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType
    header_bytes = _header_bytes(request)
    caller = partial(state.access.caller, request.scope)
    labeller.ensure_place(caller)
    with labeller, state.admission.upload(settings.max_batch_bytes) as upload:
        if header_bytes is None:
            upload.max_bytes = min(upload.max_bytes, settings.max_upload_bytes)
        body = await read_body(request, upload, settings.upload_timeout_seconds)
        read_seconds = time.monotonic() - started
        if not body:
            raise EmptyBody
        async with ClientPresence(request):
            inference = await labeller.aside(
                read_inference, body, header_bytes, manifest.input, tensor_limits(settings)
            )
            patience = _seconds(inference.request)
            deadline = min(deadline_of(request), asyncio.get_running_loop().time() + patience)
            wanted = wanted_outputs(inference.request, manifest)
            await state.access.charge(request.scope, len(inference.images) - 1, already=1)
            labelled = await _all_or_none(
                labeller.label(image, _BEST, deadline=deadline, caller=caller)
                for image in inference.images
            )
    stages = RequestStages(started, read_seconds, [image.evidence.times for image in labelled])
    for image in labelled:
        seconds = image.evidence.times.seconds(read_seconds)
        state.metrics.count_image(manifest, image.labelling, seconds)
    keep_stages(request, stages)
    request.state.log = {
        "images": len(labelled),
        "labelled": [
            log_facts(image, manifest, with_label=settings.log_labels) for image in labelled
        ],
    }
    evidence = np.stack([image.evidence.logits for image in labelled])
    return answer(evidence, manifest, inference.request, wanted)


def _header_bytes(request: Request) -> int | None:
    """Return how long the JSON is that stands before binary data; None where all is JSON."""
    given = request.headers.get(HEADER_LENGTH)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= _HEADER_DIGITS):
        raise InvalidInference(
            Wording(
                f"{HEADER_LENGTH} es el largo en bytes del JSON.",
                f"{HEADER_LENGTH} is the length of the JSON in bytes.",
            )
        )
    return int(given)


def _seconds(request: InferRequest) -> float:
    """Return how long the client would wait: Triton's parameter ``timeout``, in microseconds."""
    timeout = request.parameters.get("timeout", 0)
    if isinstance(timeout, (bool, str)) or timeout < 0:
        raise InvalidInference(
            Wording(
                "«timeout» es un número entero de microsegundos.",
                "“timeout” is a whole number of microseconds.",
            )
        )
    return timeout / _MICROSECONDS if timeout else math.inf


async def _all_or_none(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what every one gives; when one fails or the caller leaves, none goes on."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
