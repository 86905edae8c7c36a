"""The server: websocket peers of documents as one ASGI application, mountable in anybody's Starlette or FastAPI."""

from __future__ import annotations

from accordant.sync.server.application import app

__all__ = ["app"]
