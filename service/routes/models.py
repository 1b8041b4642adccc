"""The models in service: what they say about themselves, and labels by one of them."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from service.answers import model_detail, model_list
from service.deadlines import TAKES_DEADLINE
from service.errors import DeadlineExceeded, InternalError, NotReady, UnknownModel
from service.explain import ExplanationsOff
from service.guard import GuardedRoute, needs
from service.openapi import many_images_body, one_image_body, problems
from service.routes.explanations import answer_explanation
from service.routes.labels import OF_AN_IMAGE, OF_AN_UPLOAD, answer_image, answer_images
from service.schemas import (
    BatchAnswer,
    ExplanationAnswer,
    ExplanationQuery,
    LabelQuery,
    LabelsAnswer,
    ModelDetail,
    ModelList,
)
from service.state import state_of

router = APIRouter(tags=["models"], route_class=GuardedRoute)

_OF_A_LOOK_UP = problems(UnknownModel, InternalError, NotReady)

# Each answers for a model and for one version of it.
_labels = partial(
    router.post,
    response_model=LabelsAnswer,
    responses=problems(UnknownModel, *OF_AN_UPLOAD, *OF_AN_IMAGE),
    openapi_extra=one_image_body(),
    dependencies=[TAKES_DEADLINE],
)
_batch = partial(
    router.post,
    response_model=BatchAnswer,
    responses=problems(UnknownModel, *OF_AN_UPLOAD, DeadlineExceeded),
    openapi_extra=many_images_body(),
    dependencies=[TAKES_DEADLINE],
)
_explanations = partial(
    router.post,
    response_model=ExplanationAnswer,
    responses=problems(UnknownModel, ExplanationsOff, *OF_AN_UPLOAD, *OF_AN_IMAGE),
    openapi_extra=one_image_body(),
    dependencies=[TAKES_DEADLINE],
)

Version = Annotated[str, Path(description="A version, or `latest` for the newest one served.")]


@router.get(
    "/v1/models",
    summary="List the models in service",
    responses=problems(InternalError, NotReady),
)
async def list_models(request: Request) -> ModelList:
    """Name, version, digest of the ONNX file, title and number of classes of each."""
    models = state_of(request).models
    return model_list(models.labellers, models.default)


@router.get("/v1/models/{name}", summary="Describe one model", responses=_OF_A_LOOK_UP)
async def describe_model(request: Request, name: str) -> ModelDetail:
    """Labels, input, where it comes from, and what was measured under which conditions.

    Of the newest version that is served.
    """
    models = state_of(request).models
    return model_detail(models.find(name), models.default)


@router.get(
    "/v1/models/{name}/versions", summary="List the versions of one model", responses=_OF_A_LOOK_UP
)
async def list_versions(request: Request, name: str) -> ModelList:
    """Those in service, the newest last."""
    models = state_of(request).models
    return model_list(models.versions(name), models.default)


@router.get(
    "/v1/models/{name}/versions/{version}",
    summary="Describe one version of a model",
    responses=_OF_A_LOOK_UP,
)
async def describe_version(request: Request, name: str, version: Version) -> ModelDetail:
    """As of a model; `latest` stands for the newest version that is served."""
    models = state_of(request).models
    return model_detail(models.find(name, version), models.default)


@_labels("/v1/models/{name}/labels", summary="Label one image by a model")
@needs("label")
async def label_by_model(
    request: Request, name: str, query: Annotated[LabelQuery, Query()]
) -> Response:
    """As `/v1/labels`, by the newest version of this model that is served."""
    return await answer_image(request, query, state_of(request).model(name))


@_labels(
    "/v1/models/{name}/versions/{version}/labels",
    summary="Label one image by one version of a model",
)
@needs("label")
async def label_by_version(
    request: Request, name: str, version: Version, query: Annotated[LabelQuery, Query()]
) -> Response:
    """As `/v1/labels`, by exactly this version: another one never takes its place."""
    return await answer_image(request, query, state_of(request).model(name, version))


@_batch("/v1/models/{name}/labels/batch", summary="Label several images by a model")
@needs("label")
async def label_batch_by_model(
    request: Request, name: str, query: Annotated[LabelQuery, Query()]
) -> Response:
    """As `/v1/labels/batch`, by the newest version of this model that is served."""
    return await answer_images(request, query, state_of(request).model(name))


@_batch(
    "/v1/models/{name}/versions/{version}/labels/batch",
    summary="Label several images by one version of a model",
)
@needs("label")
async def label_batch_by_version(
    request: Request, name: str, version: Version, query: Annotated[LabelQuery, Query()]
) -> Response:
    """As `/v1/labels/batch`, by exactly this version."""
    return await answer_images(request, query, state_of(request).model(name, version))


@_explanations("/v1/models/{name}/explanations", summary="Explain a label of one image by a model")
@needs("label")
async def explain_by_model(
    request: Request, name: str, query: Annotated[ExplanationQuery, Query()]
) -> Response:
    """As `/v1/explanations`, by the newest version of this model that is served."""
    return await answer_explanation(request, query, state_of(request).model(name))


@_explanations(
    "/v1/models/{name}/versions/{version}/explanations",
    summary="Explain a label of one image by one version of a model",
)
@needs("label")
async def explain_by_version(
    request: Request, name: str, version: Version, query: Annotated[ExplanationQuery, Query()]
) -> Response:
    """As `/v1/explanations`, by exactly this version."""
    return await answer_explanation(request, query, state_of(request).model(name, version))
