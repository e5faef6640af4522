"""Gives out the scripts of the desk's large components, which hold no data: anybody may have them, and keep them."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pages._ui import assets

_KEPT: Final = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Encoding": "gzip"}


def route(base: str) -> Route:
    """The route of these files behind the desk's own path."""
    return Route(f"{base}/{assets.FOLDER}/{{version}}/{{name:path}}", _module)


async def _module(request: Request) -> Response:
    packed = assets.modules().get(request.path_params["name"])
    if packed is None or request.path_params["version"] != assets.version():
        return PlainTextResponse("Not found", status_code=404)
    return Response(packed, media_type="text/javascript; charset=utf-8", headers=_KEPT)
