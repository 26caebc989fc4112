"""The answer of an export: written while it is read, and ended where its reader takes too long."""

import asyncio
from collections.abc import AsyncIterator

import structlog
from anyio import CancelScope
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from app.services.user_export import Export

SEND_SECONDS = 30.0
"""How long a reader may take over one part."""
EXPORT_SECONDS = 600.0
"""How long a reader may take altogether."""
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ExportResponse(StreamingResponse):
    """Sends the document of an export and closes it, however the answer ends."""

    def __init__(self, export: Export, document: AsyncIterator[bytes]) -> None:
        super().__init__(document, media_type="application/json", headers={"Cache-Control": "no-store"})
        self._export = export

    async def stream_response(self, send: Send) -> None:
        """A reader who is too slow gets no end: the server then closes the connection, which tells them so."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)

        try:
            async with asyncio.timeout(EXPORT_SECONDS):
                await super().stream_response(send_in_time)
        except TimeoutError:
            log.warning("export.too_slow")
        finally:
            with CancelScope(shield=True):
                await self._export.aclose()
