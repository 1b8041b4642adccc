"""The Open Inference Protocol V2: what KServe, Triton's clients and benchmarks speak."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from service.deadlines import TAKES_DEADLINE
from service.errors import (
    DeadlineExceeded,
    EmptyBody,
    ImageTooLarge,
    InferenceFailed,
    InternalError,
    InvalidParameter,
    NotReady,
    Overloaded,
    PayloadTooLarge,
    UndecodableImage,
    UnknownModel,
    UnsupportedImage,
    UnsupportedMediaType,
    UploadTimeout,
)
from service.guard import GuardedRoute, needs
from service.inference_v2.errors import InvalidInference, TooManyImages
from service.inference_v2.inference import infer
from service.inference_v2.outputs import metadata
from service.inference_v2.wire import (
    InferResponse,
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from service.openapi import inference_answer, inference_body, inference_errors
from service.routes.health import check_alive
from service.state import ServiceState, state_of

router = APIRouter(prefix="/v2", tags=["inference"], route_class=GuardedRoute)

_OF_THE_SERVER: Final = inference_errors(InternalError)
_OF_READINESS: Final = inference_errors(InternalError, NotReady)
_OF_A_LOOK_UP: Final = inference_errors(UnknownModel, InternalError, NotReady)
_OF_AN_INFERENCE: Final[dict[int | str, dict[str, Any]]] = {
    **inference_answer(),
    **inference_errors(
        InvalidInference,
        InvalidParameter,
        EmptyBody,
        UnknownModel,
        UploadTimeout,
        PayloadTooLarge,
        TooManyImages,
        ImageTooLarge,
        UnsupportedMediaType,
        UnsupportedImage,
        UndecodableImage,
        InferenceFailed,
        InternalError,
        Overloaded,
        NotReady,
        DeadlineExceeded,
    ),
}

Version = Annotated[str, Path(description="A version, or `latest` for the newest one served.")]


@router.get("", summary="V2: describe the server", responses=_OF_THE_SERVER)
async def v2_server() -> ServerMetadata:
    """Name, version, and the extensions of the protocol that it speaks."""
    return ServerMetadata()


@router.get("/health/live", summary="V2: is the process alive?", responses=_OF_READINESS)
async def v2_live(request: Request) -> ServerLive:
    """As `/livez`."""
    check_alive(state_of(request))
    return ServerLive()


@router.get("/health/ready", summary="V2: may clients be sent here?", responses=_OF_READINESS)
async def v2_ready(request: Request) -> ServerReady:
    """As `/readyz`: 503 until the models are warm, and again while the service stops."""
    _check_ready(state_of(request))
    return ServerReady()


@router.get("/models/{name}", summary="V2: describe a model", responses=_OF_A_LOOK_UP)
async def v2_model(request: Request, name: str) -> ModelMetadata:
    """Its input and outputs, those of the newest version served, and the versions there are."""
    return _describe(request, name)


@router.get(
    "/models/{name}/versions/{version}",
    summary="V2: describe a version of a model",
    responses=_OF_A_LOOK_UP,
)
async def v2_version(request: Request, name: str, version: Version) -> ModelMetadata:
    """As of a model."""
    return _describe(request, name, version)


@router.get("/models/{name}/ready", summary="V2: is a model ready?", responses=_OF_A_LOOK_UP)
async def v2_model_ready(request: Request, name: str) -> ModelReady:
    """A model that is served is warm; 404 where it is not served, 503 while the service starts."""
    _check_ready(state_of(request))
    return ModelReady(name=state_of(request).model(name).manifest.name)


@router.get(
    "/models/{name}/versions/{version}/ready",
    summary="V2: is a version of a model ready?",
    responses=_OF_A_LOOK_UP,
)
async def v2_version_ready(request: Request, name: str, version: Version) -> ModelReady:
    """As of a model."""
    _check_ready(state_of(request))
    return ModelReady(name=state_of(request).model(name, version).manifest.name)


@router.post(
    "/models/{name}/infer",
    summary="V2: infer by a model",
    response_model=InferResponse,
    responses=_OF_AN_INFERENCE,
    openapi_extra=inference_body(),
    dependencies=[TAKES_DEADLINE],
)
@needs("label")
async def v2_infer(request: Request, name: str) -> Response:
    """Send one tensor `image`: UINT8 pixels as the model takes them, or BYTES of encoded images.

    Encoded images are decoded exactly as by `/v1/labels`; in JSON they are base64. Outputs are
    `logits`, calibrated `probabilities`, and `familiarity` where the model tells it; the output
    parameter `classification` asks for the best classes as `value:index:label`. Tensors may be
    binary data after the JSON, by `Inference-Header-Content-Length`. The request ends as a whole:
    one image that fails is the error of all.
    """
    return await infer(request, state_of(request).model(name))


@router.post(
    "/models/{name}/versions/{version}/infer",
    summary="V2: infer by a version of a model",
    response_model=InferResponse,
    responses=_OF_AN_INFERENCE,
    openapi_extra=inference_body(),
    dependencies=[TAKES_DEADLINE],
)
@needs("label")
async def v2_infer_by_version(request: Request, name: str, version: Version) -> Response:
    """As by a model, by exactly this version."""
    return await infer(request, state_of(request).model(name, version))


def _check_ready(state: ServiceState) -> None:
    if state.obstacle is not None:
        raise NotReady(state.obstacle)


def _describe(request: Request, name: str, version: str = "latest") -> ModelMetadata:
    state = state_of(request)
    versions = tuple(model.manifest.version for model in state.models.versions(name))
    return metadata(state.model(name, version).manifest, versions)
