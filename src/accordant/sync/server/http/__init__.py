"""Documents over HTTP: read them, change guarded fields with `If-Match`, follow what happens, all on the websocket's port."""

from __future__ import annotations

from accordant.sync.server.http.api import HttpApi

__all__ = ["HttpApi"]
