"""`accordant collapse`: duplicates that came past the comparison are put in order, once or by the clock, by who may."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Any

import pytest

from accordant import Engine, Namespace
from accordant.cli.collapse import by_schedule
from accordant.cli.knowledge import document_class
from accordant.patterns.corpus import Entry
from accordant.patterns.cron import Cron
from accordant.sync.server.tokens import create
from accordant.types.access import Grant, Principal
from accordant.types.entries import Auth
from accordant.types.errors import Denied, NoAuthority, StoreError
from audited_store import answer, run
from processes import ServerProcess
from served import served
from worlds import in_loop

BACKEND = Namespace.role("acme", "backend")
WHERE = "acme/role/backend/hive"
SAME = ("The gateway listens on port 8080.", "the gateway listens on port 8080")
APART = "The gateway listens on port 9090."
Hive: Any = document_class("knowledge")


async def fill(engine: Engine) -> None:
    """Two that say the same, as offline peers leave them, and one that does not."""
    ann = await engine.open(Hive, BACKEND, "hive", agent="ann")
    for text in (*SAME, APART):
        await ann.knowledge.regions[0].append(Entry(text=text))
    await ann.close()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    async def filled() -> None:
        async with Engine(tmp_path / "state.db") as engine:
            await fill(engine)

    asyncio.run(filled())
    return tmp_path / "state.db"


def changes(store: Path) -> list[Any]:
    """What was written and taken back, and as what; who came and went is left out."""
    return [one for one in answer("log", store)["entries"] if one["kind"] in ("write", "retraction", "schema")]


async def ended(*words: str) -> int:
    """What the command, a process of its own, ends with."""
    command = [sys.executable, "-m", "accordant", "collapse", *words]
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    return await process.wait()


def test_a_store_is_put_in_order_and_again_nothing_happens(store: Path) -> None:
    """A dry run says what the collapse then does, and writes nothing; afterwards there is nothing left to do."""
    before = changes(store)
    planned = answer("collapse", store, "--dry-run")
    assert changes(store) == before
    ((moved,), apart) = planned["redirected"], planned["apart"]
    assert (moved["text"], planned["document"], planned["complete"]) == (SAME[1], WHERE, True)
    assert planned["stale"] == []
    done = answer("collapse", store, WHERE, "--stale-days", "0")
    assert (done["redirected"], done["apart"]) == (planned["redirected"], apart)
    assert {one["ref"] for one in done["stale"]} >= {moved["to"]}
    assert answer("collapse", store)["redirected"] == []
    assert answer("verify", store)["agrees"] is True


def test_what_cannot_be_is_a_usage_error(store: Path, tmp_path: Path) -> None:
    """No such store, document or corpus, a region that is none, no cron expression: 2, and nothing is made."""
    before = changes(store)
    for words in (
        (tmp_path / "none.db",),
        (store, "acme/role/backend/other"),
        (store, "--region", "lore"),
        (store, "--region", "knowledge_tally"),
        (store, "--at", "0 2 * * *"),
        (store, "--schedule", "--at", "every night"),
        (store, "--threshold", "2"),
        ("ws://127.0.0.1:1",),
    ):
        assert run("collapse", *words).exit_code == 2, words
    assert "has no corpus 'lore'" in run("collapse", store, "--region", "lore").stderr
    assert changes(store) == before


@in_loop
async def test_a_store_in_use_is_left_alone(tmp_path: Path) -> None:
    """While an engine has it: 5, and what to do instead. A server that is not there: 6."""
    async with Engine(tmp_path / "state.db") as engine:
        await fill(engine)
        held = await asyncio.to_thread(run, "collapse", tmp_path / "state.db")
        assert (held.exit_code, "on its server" in held.stderr) == (5, True)
    away = await asyncio.to_thread(run, "collapse", f"ws://127.0.0.1:1/sync/{WHERE}")
    assert away.exit_code == 6


@in_loop
async def test_on_a_server_it_takes_no_more_than_the_url(store: Path) -> None:
    """Over a websocket, beside whoever is there; a dry run first."""
    async with ServerProcess(store, "--knowledge", WHERE) as server:
        url = f"{server.url}/sync/{WHERE}"
        planned = await asyncio.to_thread(answer, "collapse", url, "--dry-run")
        done = await asyncio.to_thread(answer, "collapse", url)
        assert planned["redirected"] == done["redirected"]
        assert len(done["redirected"]) == 1
        assert (await asyncio.to_thread(answer, "collapse", url))["redirected"] == []


@in_loop
async def test_where_there_are_tokens_the_role_decides(tmp_path: Path) -> None:
    """A token without the role is refused with 5 and changes nothing, one with it may."""
    keys = tmp_path / "keys.json"
    acme = Grant((("acme",),))
    plain = create(keys, Principal("eve", Auth.TOKEN, acme), 1)[0]
    curator = create(keys, Principal("cora", Auth.TOKEN, acme, frozenset({"curator"})), 1)[0]
    async with Engine() as engine:
        await fill(engine)
        async with served(engine, token_file=keys) as address:
            url = f"{address}/sync/{WHERE}"
            for words, code in (
                ((), 2),
                (("--token", plain, "--agent", "eve"), 5),
                (("--token", curator, "--agent", "ann"), 5),
            ):
                assert await ended(url, *words) == code, words
            hive = await engine.open(Hive, BACKEND, "hive", agent="owner")
            assert len(await hive.knowledge.entries()) == 3
            done = await asyncio.to_thread(answer, "collapse", url, "--token", curator, "--agent", "cora")
            assert len(done["redirected"]) == 1
            assert len(await hive.knowledge.entries()) == 2


def test_the_schedule_outlives_whoever_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    """By a virtual clock: due at two, away twice, done a minute or two later, then the next night; a refusal ends it."""
    now, tries = 0.0, 0
    outcomes: list[tuple[str, float]] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def act() -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise NoAuthority("the server is away", code="cannot_connect")
        if tries == 2:
            raise StoreError("the disk is full", landed=False)
        if tries == 5:
            raise Denied("not a curator any more", code="not_permitted")
        return f"try {tries}"

    def tell(outcome: str) -> None:
        outcomes.append((outcome, now / 3_600))

    with pytest.raises(Denied):
        asyncio.run(by_schedule(act, Cron.parse("0 2 * * *"), tell, lambda: now, sleep))
    assert [(name, round(hours, 2)) for name, hours in outcomes] == [("try 3", 2.03), ("try 4", 26.0)]
    assert now == 50 * 3_600
    said = capsys.readouterr().err
    assert "the server is away; trying again" in said
