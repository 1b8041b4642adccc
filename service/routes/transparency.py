"""What the public may know of the model in service, as a page and as JSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from service.errors import InternalError, InvalidParameter, NotReady
from service.openapi import problems
from service.routes.pages import Page, page_request
from service.state import state_of
from service.transparency import TransparencyRecord, record_of
from service.transparency_page import TransparencyPage
from service.wording import Lang

router = APIRouter(tags=["models"])


@router.get(
    "/v1/transparency",
    summary="Read the record of the algorithm",
    responses=problems(InvalidParameter, InternalError, NotReady),
)
async def read_record(
    request: Request, page: Page, lang: Annotated[Lang, Query(description="Language.")] = "es"
) -> TransparencyRecord:
    """Say what the page at `/transparencia` says: of the model that answers now, and no other."""
    state = state_of(request)
    return record_of(state.labeller.manifest, state.settings, page.catalogues[lang])


@router.api_route("/transparencia", methods=["GET", "HEAD"], include_in_schema=False)
async def show_record(request: Request, page: Page) -> Response:
    """Show the record to people."""
    asked = page_request(request)
    headers = {
        "Content-Language": asked.lang, "Vary": "Accept-Language", "Cache-Control": "no-cache",
    }  # fmt: skip
    if asked.manifest is None:
        headers |= NotReady().headers
    return Response(
        TransparencyPage.beside(page).render(asked),
        503 if asked.manifest is None else 200,
        media_type="text/html",
        headers=headers,
    )
