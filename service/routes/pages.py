"""The editor's page, its plain form, and its static files."""

from __future__ import annotations

import gzip
from functools import cache
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from service.batch import label_files
from service.errors import MissingFile, NotFound, NotReady, RotuloError
from service.guard import needs
from service.language import language_of
from service.pages import STATIC_PATH, EditorPage, PageRequest
from service.problems import problem_of
from service.schemas import LabelQuery
from service.state import state_of

router = APIRouter(include_in_schema=False)

FOR_GOOD: Final = "public, max-age=31536000, immutable"


@cache
def editor_page() -> EditorPage:
    """Return the one page of the process, read from the package when first asked for."""
    return EditorPage.load()


Page = Annotated[EditorPage, Depends(editor_page)]


@router.api_route("/", methods=["GET", "HEAD"])
async def show(request: Request, page: Page) -> Response:
    """Show the page with nothing uploaded yet."""
    asked = page_request(request)
    answer = html(page.empty(asked), asked, headers={"Cache-Control": "private, no-cache"})
    if takes_gzip(request):  # nothing of the request is in it that a length could betray
        answer.body = gzip.compress(bytes(answer.body), compresslevel=6)
        answer.headers["Content-Length"] = str(len(answer.body))
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Language, Accept-Encoding"
    return answer


@router.post("/")
@needs("label")
async def label_plain_form(request: Request, page: Page) -> Response:
    """Label the images of the form, for a browser without the script."""
    asked = page_request(request)
    try:
        # Not by GuardedRoute, so that a refusal is a page too.
        await state_of(request).access.admit(request.scope, "label")
        answer = await label_files(request, LabelQuery(lang=asked.lang), state_of(request).labeller)
    except MissingFile as error:
        return html(page.nothing_chosen(asked), asked, error.status)
    except RotuloError as error:
        state_of(request).metrics.count_rejection(error.slug)
        problem = problem_of(error, asked.lang, request.state.request_id)
        return html(page.refused(asked, problem), asked, error.status, error.headers)
    return html(page.results(asked, answer.items), asked)


@router.api_route(STATIC_PATH + "/{digest}/{name}", methods=["GET", "HEAD"])
async def static_file(request: Request, digest: str, name: str, page: Page) -> Response:
    """Give one static file; for good under its present address, to be asked again under others.

    A page and its files may come from an older and a newer release while one replaces the other.
    """
    asset = page.assets.files.get(name)
    if asset is None:
        raise NotFound
    present = digest == page.assets.digest
    headers = {"Cache-Control": FOR_GOOD if present else "no-cache", "Vary": "Accept-Encoding"}
    if asset.gzipped is None or not takes_gzip(request):
        return Response(asset.content, media_type=asset.media_type, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(asset.gzipped, media_type=asset.media_type, headers=headers)


def page_request(request: Request) -> PageRequest:
    """Return for whom a page is made; before the model is loaded there is no manifest."""
    state = state_of(request)
    try:
        manifest = state.labeller.manifest
    except NotReady:
        manifest = None
    return PageRequest(
        lang=language_of(request.scope),
        base=request.scope.get("root_path", "").rstrip("/"),
        manifest=manifest,
        settings=state.settings,
    )


def takes_gzip(request: Request) -> bool:
    """Return whether a client names gzip in Accept-Encoding (RFC 9110, 12.5.3), not with q=0."""
    for item in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, quality = item.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return quality.strip("0.") != "" or quality == ""
    return False


def html(
    text: str, asked: PageRequest, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return a page as an answer, in the language of who asked."""
    return Response(
        text,
        status,
        media_type="text/html",
        headers={
            "Content-Language": asked.lang, "Vary": "Accept-Language", **(headers or {}),
        },
    )  # fmt: skip
