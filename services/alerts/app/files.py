"""The console's files and the map's data, all from this machine."""

import gzip
import mimetypes
import re
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response

from geo.resources import data_root
from services.alerts.app.problems import Problem
from services.alerts.app.settings import AppSettings

NOT_BUILT: Final = (
    "The console is not built on this machine: run 'make setup' in the project's folder, "
    "then load this page again.\n"
)

_BASEMAP = re.compile(r"[a-z_]{1,40}\.geojson")
_GLYPHS = re.compile(r"([A-Za-z ]{1,60})/(\d{1,5}-\d{1,5})\.pbf")
_DAY = {"Cache-Control": "public, max-age=86400"}
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_NO_STORE = {"Cache-Control": "no-cache"}

# Fixed, since what the system knows of file types differs between machines.
_TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".ico": "image/x-icon",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


@lru_cache(maxsize=64)
def _map_file(kind: str, parts: tuple[str, ...]) -> bytes | None:
    """Read a file of the map, compressed once; bounded by the number of shipped files."""
    try:
        raw = data_root().joinpath(kind, *parts).read_bytes()
    except OSError:
        return None
    return gzip.compress(raw, compresslevel=6, mtime=0)


def router(settings: AppSettings) -> APIRouter:
    """Make the routes of the console and the map."""
    routes = APIRouter(include_in_schema=False)
    folder = settings.console.resolve()

    def console_file(name: str) -> Path | None:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder) and path.is_file() else None

    def serve(path: Path, headers: dict[str, str]) -> FileResponse:
        known = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
        return FileResponse(path, media_type=known, headers=headers)

    @routes.get("/map/basemap/{name}")
    async def basemap(request: Request, name: str) -> Response:
        if not _BASEMAP.fullmatch(name):
            raise _nothing(request)
        return _compressed(request, _map_file("basemap", (name,)), "application/geo+json")

    @routes.get("/map/glyphs/{name:path}")
    async def glyphs(request: Request, name: str) -> Response:
        found = _GLYPHS.fullmatch(name)
        if not found:
            raise _nothing(request)
        # A range that was not shipped is an empty answer: the map then draws the rest.
        data = _map_file("glyphs", (found[1], f"{found[2]}.pbf")) or gzip.compress(b"", mtime=0)
        return _compressed(request, data, "application/x-protobuf")

    @routes.get("/")
    async def index() -> Response:
        path = console_file("index.html")
        if path is None:
            return PlainTextResponse(NOT_BUILT, status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        return serve(path, _NO_STORE)

    @routes.get("/{name:path}")
    async def other(request: Request, name: str) -> Response:
        path = console_file(name) if name else None
        if path is None:
            raise _nothing(request)
        return serve(path, _FOREVER if name.startswith("assets/") else _NO_STORE)

    return routes


def _compressed(request: Request, data: bytes | None, media_type: str) -> Response:
    if data is None:
        raise _nothing(request)
    headers = {**_DAY, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            data, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"}
        )
    return Response(gzip.decompress(data), media_type=media_type, headers=headers)


def _nothing(request: Request) -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND,
        "not-found",
        f"There is nothing at {request.url.path[:120]}: look at /docs for what there is.",
    )
