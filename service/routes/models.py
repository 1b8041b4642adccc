"""What the models in service say about themselves."""

from __future__ import annotations

from fastapi import APIRouter, Request

from service.answers import model_detail, model_summary
from service.errors import InternalError, NotReady, UnknownModel
from service.guard import GuardedRoute
from service.openapi import problems
from service.schemas import ModelDetail, ModelList
from service.state import state_of

router = APIRouter(tags=["models"], route_class=GuardedRoute)


@router.get(
    "/v1/models",
    summary="List the models in service",
    responses=problems(InternalError, NotReady),
)
async def list_models(request: Request) -> ModelList:
    """Name, version, digest of the ONNX file, title and number of classes of each."""
    labeller = state_of(request).labeller
    return ModelList(models=(model_summary(labeller.manifest, labeller.provider),))


@router.get(
    "/v1/models/{name}",
    summary="Describe one model",
    responses=problems(UnknownModel, InternalError, NotReady),
)
async def describe_model(request: Request, name: str) -> ModelDetail:
    """Labels, input, where it comes from, and what was measured under which conditions."""
    labeller = state_of(request).model(name)
    return model_detail(labeller.manifest, labeller.provider)
