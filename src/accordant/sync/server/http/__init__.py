"""Documents over HTTP: read them, change guarded fields with `If-Match`, follow what happens, all on the websocket's port."""

from __future__ import annotations

from accordant.sync.server.http.api import Beside, HttpApi, check_named, preflight
from accordant.sync.server.http.bodies import json_body
from accordant.sync.server.http.queries import number_in, text_in

__all__ = ["Beside", "HttpApi", "check_named", "json_body", "number_in", "preflight", "text_in"]
