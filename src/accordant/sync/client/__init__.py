"""The client: the same document handle as in the embedding process, over a websocket."""

from __future__ import annotations

from accordant.sync.client.connecting import connect

__all__ = ["connect"]
