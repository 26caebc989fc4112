"""The pages for people: a storefront at ``/`` and operations at ``/ops``, static files over the public API.

Everything is read and compressed once, at the start. Assets have a digest of them all in their address, so that a browser may
keep them for good and never mixes two versions; the pages themselves are asked for again each time, and answered by 304.
"""

import gzip
import hashlib
import posixpath
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Self

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

PAGES = {"/": "index.html", "/ops": "ops.html"}
ASSETS = "/assets"
PLACEHOLDER = b"{{assets}}"
_ENTRY = re.compile(rb'<script type="module" src="{{assets}}/([^"]+)"')
_IMPORT = re.compile(rb'^(?:import|export) .*?from "(\.[^"]+)";$', re.MULTILINE)
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent: plain, compressed where that makes it smaller, and its validator."""

    body: bytes
    compressed: bytes | None
    etag: str
    media_type: str

    @classmethod
    def of(cls, name: str, body: bytes) -> Self:
        """The file of this name and content."""
        compressed = gzip.compress(body, 9, mtime=0)
        digest = hashlib.sha256(body).hexdigest()[:16]
        smaller = compressed if len(compressed) < 0.9 * len(body) else None
        return cls(body, smaller, f'"{digest}"', _TYPES[name.rpartition(".")[2]])

    def answer(self, request: Request, cache: str) -> Response:
        """The file, or word that the browser has it already."""
        # Weak, for the compressed and the plain form are not the same bytes.
        etag = f"W/{self.etag}"
        headers = {"Content-Security-Policy": CSP, "Cache-Control": cache, "ETag": etag, "Vary": "Accept-Encoding"}
        if _has_tag(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        if self.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(self.compressed, media_type=self.media_type, headers=headers)
        return Response(self.body, media_type=self.media_type, headers=headers)


def install_pages(app: FastAPI) -> None:
    """Serve the pages and their assets."""
    contents = dict(_walk(files("app.web") / "static"))
    for name in PAGES.values():
        contents[name] = _with_preloads(contents[name], contents)
    version = hashlib.sha256(b"".join(name.encode() + contents[name] for name in sorted(contents))).hexdigest()[:12]
    base = f"{ASSETS}/{version}".encode()
    assets = {name: StaticFile.of(name, body.replace(PLACEHOLDER, base)) for name, body in contents.items()}

    async def asset(request: Request) -> Response:
        found = assets.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        # Another version's address, as during an upgrade: what is here now, not to be kept.
        return found.answer(request, FOR_GOOD if request.path_params["version"] == version else ASK_AGAIN)

    for path, name in PAGES.items():
        app.add_route(path, _page_route(assets.pop(name)), include_in_schema=False)
    app.add_route(ASSETS + "/{version}/{name:path}", asset, include_in_schema=False)


def _page_route(page: StaticFile) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        return page.answer(request, ASK_AGAIN)

    return show


def _with_preloads(page: bytes, contents: Mapping[str, bytes]) -> bytes:
    """The page with word of every module that it comes to need, so that the browser asks for all of them at once and not for each
    when it has read the one that imports it."""
    waiting: list[str] = [name.decode() for name in _ENTRY.findall(page)]
    needed: list[str] = []
    while waiting:
        name = waiting.pop(0)
        if name not in needed:
            needed.append(name)
            imports: list[str] = [found.decode() for found in _IMPORT.findall(contents[name])]
            waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(name), each)) for each in imports]
    tags = "".join(f'<link rel="modulepreload" href="{PLACEHOLDER.decode()}/{name}">\n' for name in needed)
    return page.replace(b"</head>", tags.encode() + b"</head>")


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            yield from _walk(entry, name + "/")
        else:
            yield name, entry.read_bytes()


def _has_tag(header: str, etag: str) -> bool:
    tags = {each.strip().removeprefix("W/") for each in header.split(",")}
    return etag in tags or "*" in tags
