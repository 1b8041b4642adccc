"""For whoever operates the service: change what is served."""

from __future__ import annotations

from fastapi import APIRouter, Request

from service.answers import model_ref, model_summary
from service.errors import InternalError, NotReady
from service.guard import GuardedRoute, needs
from service.openapi import problems
from service.reloading import ReloadFailed
from service.schemas import ReloadAnswer
from service.state import state_of

router = APIRouter(tags=["admin"], route_class=GuardedRoute)


@router.post(
    "/v1/admin/reload",
    summary="Serve the bundles that lie on disk now",
    responses=problems(ReloadFailed, InternalError, NotReady),
)
@needs("admin")
async def reload_models(request: Request) -> ReloadAnswer:
    """Load and warm what is new beside what is served, and exchange them; no request is lost.

    Answers when the new models are in service. When anything on disk is not as it should be, the
    old ones go on, and the problem says why.
    """
    done = await state_of(request).reload()
    return ReloadAnswer(
        loaded=tuple(model_ref(model.manifest) for model in done.loaded),
        retired=tuple(model_ref(model.manifest) for model in done.retired),
        models=tuple(model_summary(model, done.models.default) for model in done.models.labellers),
    )
