"""The ceiling: FastAPI routes that return the bytes of a file, under the very server and options of ``medley serve``."""

import sys
from pathlib import Path

from fastapi import FastAPI, Response

from app.config import Settings
from cli.serve import build_server


def bare_app(answer: bytes) -> FastAPI:
    """GET and POST on /, each the shortest route FastAPI allows; the POST does not even look at its body."""
    app = FastAPI(openapi_url=None)

    @app.get("/")
    @app.post("/")
    async def answer_same_bytes() -> Response:
        return Response(answer, media_type="application/json")

    return app


if __name__ == "__main__":
    server = build_server(Settings())
    # Not options of its own, which could come to differ: those of the service, around another application.
    server.config.app = bare_app(Path(sys.argv[1]).read_bytes())
    server.run()
