"""The compare-and-swap over HTTP as anybody's fetch makes it, from Node or from a page."""

from __future__ import annotations

from typing import Any

from processes import ROOM, YjsPeer


async def guarded_by_hand(peer: YjsPeer, url: str, here: Any) -> None:
    """A guarded write with If-Match lands, and its stale twin is told what won: all by the peer's own fetch."""
    at = f"{url.replace('ws://', 'http://')}/documents/{ROOM}/regions/account"
    seen = await peer.do("fetch", url=at)
    assert (seen["status"], seen["body"]["value"], seen["etag"]) == (200, None, seen["body"]["etag"])

    async def put(etag: str, plan: str, agent: str) -> dict[str, Any]:
        headers = {"If-Match": etag, "X-Agent": agent, "Content-Type": "application/json"}
        answer: dict[str, Any] = await peer.do("fetch", url=at, method="PUT", headers=headers, body={"plan": plan})
        return answer

    first = await put(seen["etag"], "pro", "ada")
    assert (first["status"], first["body"]["value"]) == (200, {"plan": "pro"})
    lost = await put(seen["etag"], "team", "bob")
    assert (lost["status"], lost["body"]["value"], lost["body"]["writer"]) == (412, {"plan": "pro"}, "ada")
    assert lost["body"]["version"] == first["body"]["version"]
    assert (await put(lost["etag"], "team", "bob"))["status"] == 200
    assert (await here.account.read()).value == {"plan": "team"}
