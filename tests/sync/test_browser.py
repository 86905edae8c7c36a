"""Pages in headless Chromium: what a browser lets through, the package runs there, and foreign origins stay out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from accordant import Document, Engine, Guarded, Log, Namespace, Text
from guarded_by_hand import guarded_by_hand
from processes import ROOM, BrowserPeer, YjsPeer
from served import served
from worlds import in_loop

TASK = Namespace.task("acme", "q3")
FOREIGN = "app.example"

pytestmark = pytest.mark.usefixtures("node_bin", "node_modules", "chromium")


class Brief(Document):
    account: Guarded[dict[str, Any]]
    findings: Log[str]
    draft: Text


@in_loop
async def test_a_page_writes_a_guarded_field_by_its_own_fetch(tmp_path: Path) -> None:
    """From another port of this machine: preflight, If-Match and ETag pass; the stale twin is told what won, and by whom."""
    async with Engine(tmp_path / "state.db") as engine, served(engine) as url, BrowserPeer(url, agent="page") as page:
        here = await engine.open(Brief, TASK, "brief", agent="here")
        opened = await page.heard("opened")
        assert opened["origin"] != url.replace("ws://", "http://")
        await guarded_by_hand(page, url, here)


@in_loop
async def test_the_package_works_in_a_page(tmp_path: Path) -> None:
    """Confirmed edits, a refusal with a fresh replica, and a typed conflict: as in Node."""
    async with Engine(tmp_path / "state.db") as engine, served(engine) as url:
        here = await engine.open(Brief, TASK, "brief", agent="here")
        async with BrowserPeer(url, agent="page", provider="accordant") as page, YjsPeer(url, agent="guest") as guest:
            await asyncio.gather(page.heard("synced"), guest.heard("synced"))
            edits = [
                {"id": 1, "change": "append", "root": "draft", "text": "one "},
                {"id": 2, "change": "forge", "key": "account"},
                {"id": 3, "change": "append", "root": "draft", "text": "two"},
            ]
            await page.do("edit", edits=edits)
            reset = await page.heard("reset")
            assert reset["client"] != reset["previous"]
            outcomes = [await page.do("outcome", id=number) for number in (1, 2, 3)]
            assert [outcome.get("code") for outcome in outcomes] == [None, "guarded_closed", None]
            await guest.until("text", "one two", root="draft")
            await page.do("read", name="account")
            await here.account.commit({"plan": "pro"}, expect=await here.account.read())
            lost = await page.do("commit", name="account", value={"plan": "team"})
            assert (lost["name"], lost["value"], lost["writer"]) == ("ConflictError", {"plan": "pro"}, "here")
            again = await page.do("commit_again", name="account", value={"seats": 5})
            assert again["done"]["value"] == {"plan": "pro", "seats": 5}
            assert not [event for event in page.events if event["event"] == "pageerror"]


@in_loop
async def test_a_page_of_a_foreign_origin_stays_out(tmp_path: Path) -> None:
    """Neither its fetch nor its websocket gets through; where the application allows its origin, its fetch does."""
    async with Engine(tmp_path / "state.db") as engine, served(engine) as url:
        here = await engine.open(Brief, TASK, "brief", agent="here")
        at = f"{url.replace('ws://', 'http://')}/documents/{ROOM}/regions/account"
        async with BrowserPeer(url, agent="page", last=FOREIGN) as page:
            origin = (await page.heard("opened"))["origin"]
            assert origin.startswith(f"http://{FOREIGN}:")
            assert await page.do("fetch", url=at) == {"failed": "TypeError"}
            await page.do("insert", root="draft", index=0, text="foreign")
            await page.heard("connecting")
            await page.heard("connecting")  # the first attempt has failed
            async with served(engine, origins=(origin,)) as welcoming:
                allowed = at.replace(url.replace("ws://", ""), welcoming.replace("ws://", ""))
                assert (await page.do("fetch", url=allowed))["status"] == 200
                await guarded_by_hand(page, welcoming, here)
            assert (await here.draft.read()).value == ""
            assert await page.do("text", root="draft") == "foreign"
            assert "synced" not in [event["event"] for event in page.events]
