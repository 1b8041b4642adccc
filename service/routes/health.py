"""For an operator's probes: alive, ready, and the metrics."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.answers import model_ref
from service.errors import InternalError, NotReady
from service.guard import GuardedRoute, needs
from service.openapi import problems
from service.schemas import Liveness, Readiness
from service.state import STUCK, ServiceState, state_of

router = APIRouter(tags=["health"], route_class=GuardedRoute)

_EXAMPLE: Final = "# TYPE rotulo_queue_depth gauge\nrotulo_queue_depth 0.0\n"


@router.get("/livez", summary="Is the process alive?", responses=problems(InternalError, NotReady))
async def livez(request: Request) -> Liveness:
    """Answers as soon as the process listens, while the model is still loading.

    503 when a thread hangs in the model for so long that only a new process can help.
    """
    check_alive(state_of(request))
    return Liveness()


@router.get(
    "/readyz", summary="May clients be sent here?", responses=problems(InternalError, NotReady)
)
async def readyz(request: Request) -> Readiness:
    """Answers 503 with the reason until the model is warm, and again while the service stops.

    And while every thread hangs in the model.
    """
    state = state_of(request)
    if state.obstacle is not None:
        raise NotReady(state.obstacle)
    labeller = state.labeller
    return Readiness(model=model_ref(labeller.manifest), provider=labeller.provider)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}}},
        **problems(InternalError),
    },
)
@needs("metrics")
async def metrics(request: Request) -> Response:
    """All metrics in Prometheus's text format."""
    return Response(
        generate_latest(state_of(request).metrics.registry), media_type=CONTENT_TYPE_LATEST
    )


def check_alive(state: ServiceState) -> None:
    """Pass unless only another process can help.

    Raises:
        NotReady: it is so.
    """
    if state.is_lost:
        raise NotReady(STUCK)
