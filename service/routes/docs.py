"""For who builds on the API: the reference, and the element for other sites."""

from __future__ import annotations

from functools import cache
from typing import Final

from fastapi import APIRouter, Request, Response

from service.embedding import ELEMENT, modules, newest_module
from service.errors import NotFound
from service.i18n import load_catalogues
from service.pages import LANGUAGE_NAMES, STATIC_PATH
from service.reference import reference
from service.routes.pages import FOR_GOOD, Page, html, page_request

router = APIRouter(include_in_schema=False)
_catalogues: Final = cache(load_catalogues)
_modules: Final = cache(modules)


@router.api_route("/docs", methods=["GET", "HEAD"])
async def show_reference(request: Request, page: Page) -> Response:
    """Show the API and how to embed the element, made of the OpenAPI document."""
    asked = page_request(request)
    t = _catalogues()[asked.lang]
    text = page.environment.get_template("docs.html").render(
        t=t,
        base=asked.base,
        static=f"{asked.base}{STATIC_PATH}/{page.assets.digest}",
        languages=LANGUAGE_NAMES,
        manifest=asked.manifest,
        module=newest_module(),
        tags=reference(request.app.openapi(), t),
    )
    return html(text, asked, headers={"Cache-Control": "private, no-cache"})


@router.api_route(
    f"{STATIC_PATH}/{ELEMENT}.v{{number:int}}.js", methods=["GET", "HEAD"], name="element"
)
async def give_module(number: int, page: Page) -> Response:
    """Give one release of the element to whichever site asks: it holds nothing of anyone.

    A browser fetches a module of another origin by CORS only.
    """
    name = f"{ELEMENT}.v{number}.js"
    if name not in {module.name for module in _modules()}:
        raise NotFound
    asset = page.assets.files[name]
    return Response(
        asset.content,
        media_type=asset.media_type,
        headers={
            "Cache-Control": FOR_GOOD,
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
    )
