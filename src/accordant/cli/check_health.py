"""/healthz and /metrics of a check that watches: two pages on a port of this machine, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from accordant.types.coherence_limits import HEALTH_REQUEST_BYTES_MAX, HEALTH_REQUEST_S
from accordant.types.errors import NoAuthority

__all__ = ["health_pages"]


@contextlib.asynccontextmanager
async def health_pages(
    port: int, health: Callable[[], tuple[bool, dict[str, Any]]], metrics: Callable[[], tuple[str, bytes]]
) -> AsyncIterator[int]:
    """Serve them on loopback while the block runs; yields the port. Raises `NoAuthority` when it is taken."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            async with asyncio.timeout(HEALTH_REQUEST_S):
                request = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = _page(request.split(b" ", 2), health, metrics)
                head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
            await writer.wait_closed()

    try:
        server = await asyncio.start_server(answer, "127.0.0.1", port, limit=HEALTH_REQUEST_BYTES_MAX)
    except OSError as error:
        raise NoAuthority(
            f"port {port} is not free: {error}", code="port_taken", hint="another --health-port"
        ) from error
    async with server:
        yield int(server.sockets[0].getsockname()[1])


def _page(
    request: list[bytes], health: Callable[[], tuple[bool, dict[str, Any]]], metrics: Callable[[], tuple[str, bytes]]
) -> tuple[str, str, bytes]:
    if len(request) < 3 or request[0] != b"GET":
        return "405 Method Not Allowed", "text/plain", b""
    path = request[1].partition(b"?")[0]
    if path == b"/healthz":
        is_well, shown = health()
        status = "200 OK" if is_well else "503 Service Unavailable"
        return status, "application/json", json.dumps(shown).encode()
    if path == b"/metrics":
        return "200 OK", *metrics()
    return "404 Not Found", "text/plain", b"there is /healthz and /metrics\n"
