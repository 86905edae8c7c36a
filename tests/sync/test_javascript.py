"""The JavaScript package against a real server: confirmed is saved, refused resets, nothing is lost silently."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

import accordant
from accordant import Counter, Document, Engine, Guarded, Log, Map, Namespace, Text, UnionSet, region
from accordant.sync.server.tokens import create
from accordant.types.access import Grant, Principal
from guarded_by_hand import guarded_by_hand
from processes import ROOM, ServerProcess, YjsPeer, eventually
from serving import serving
from source_tree import ROOT
from worlds import in_loop

TASK = Namespace.task("acme", "q3")
PACKAGE = ROOT / "js"

pytestmark = pytest.mark.usefixtures("node_bin", "node_modules")


class Brief(Document):
    account: Guarded[dict[str, Any]]
    findings: Log[str]
    draft: Text
    citations: Counter
    questions: UnionSet[str]
    cursors: Map[int] = region(lww="only for show")


def ours(url: str, agent: str = "ada", provider: str = "accordant", token: str = "") -> YjsPeer:
    return YjsPeer(url, agent=agent, provider=provider, last=token)


def edit(number: int, change: str, **given: Any) -> dict[str, Any]:
    return {"id": number, "change": change, **given}


# -- edits and refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["accordant", "accordant-2"])
@in_loop
async def test_a_refused_edit_costs_the_replica_and_nothing_else(tmp_path: Path, provider: str) -> None:
    """The guilty edit is rejected, a fresh replica joins under another client id, honest edits land once, peers see nothing."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url:
        here = await engine.open(Brief, TASK, "brief", agent="here")
        async with ours(url, provider=provider) as ada, YjsPeer(url, agent="guest") as guest:
            await asyncio.gather(ada.heard("synced"), guest.heard("synced"))
            await ada.do("awareness", state={"name": "ada"})
            await here.draft.append("[here]")
            await ada.until("text", "[here]", root="draft")
            edits = [
                edit(1, "append", root="draft", text="[before]"),
                edit(2, "forge", key="account"),
                edit(3, "append", root="draft", text="[behind]"),
                edit(4, "cut", root="draft"),
                edit(5, "push", root="findings", item="found"),
                edit(6, "nothing"),
            ]
            await ada.do("edit", edits=edits)
            reset = await ada.heard("reset")
            assert (reset["error"]["name"], reset["error"]["code"]) == ("RefusedError", "guarded_closed")
            assert (reset["client"] != reset["previous"], reset["living"], reset["unsaved"]) == (True, True, [])
            assert reset["client"] == await ada.do("me")
            await ada.do("edit", edits=[edit(7, "append", root="draft", text="[meanwhile]")])
            refused = await ada.do("outcome", id=2)
            assert (refused["name"], refused["code"]) == ("RefusedError", "guarded_closed")
            for number in (1, 3, 4, 5, 7):
                assert await ada.do("outcome", id=number) == {}
            assert await ada.do("outcome", id=6) == {"done": 7}
            text = "here][before][behind][meanwhile]"
            assert (await here.draft.read()).value == text
            assert (await here.findings.read()).value == ["found"]
            for peer in (ada, guest):
                await peer.until("text", text, root="draft")
                await peer.until("array", ["found"], root="findings")
                assert await peer.do("map", root="guarded") == {}
            await guest.until("present", {str(await guest.do("me")): {}, str(reset["client"]): {"name": "ada"}})
            assert not [event for event in guest.events if event["event"] in ("close", "disconnected")]
            assert (await ada.do("state_of"))["pending"] == 0
            reasons = [row["reason"].partition(":")[0] for row in await engine.store.quarantine(ROOM)]
            assert (reasons[0], set(reasons[1:])) == (
                "guarded_closed",
                {"retired_client"},
            )  # what stood on the refused one


@in_loop
async def test_edits_outside_of_intentions_are_told_and_not_lost_silently(tmp_path: Path) -> None:
    """What was written to the document directly and not confirmed is in the `reset` event, the guilty edit marked."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url:
        here = await engine.open(Brief, TASK, "brief", agent="here")
        async with ours(url) as ada:
            await ada.heard("synced")
            await ada.do("insert", root="draft", index=0, text="[saved]")
            assert await ada.do("saved") == {}
            assert (await here.draft.read()).value == "[saved]"
            edits = [edit(1, "append", root="draft", text="[kept]")]
            await ada.do("set", root="guarded", key="account", value={"value": 1})
            await ada.do("edit", edits=edits)
            reset = await ada.heard("reset")
            assert reset["unsaved"][0] is True
            assert "[saved]" in reset["old_text"]
            assert await ada.do("outcome", id=1) == {}
            assert (await here.draft.read()).value == "[saved][kept]"
            await ada.until("map", {}, root="guarded")


@in_loop
async def test_a_change_that_throws_is_told_and_what_it_did_stands(tmp_path: Path) -> None:
    """Its own error comes back; Yjs knows no rollback, and neither do we pretend one."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url:
        here = await engine.open(Brief, TASK, "brief", agent="here")
        async with ours(url) as ada:
            await ada.heard("synced")
            await ada.do("edit", edits=[edit(1, "throwing", root="draft")])
            assert (await ada.do("outcome", id=1))["message"] == "in the middle"
            assert await ada.do("saved") == {}
            assert (await here.draft.read()).value == "half "


@in_loop
async def test_a_server_that_restarts_loses_nothing_and_what_is_forbidden_is_found_out(tmp_path: Path) -> None:
    """SIGTERM and back: edits made meanwhile land once, in their order; the forbidden ones among them alone are refused."""
    async with (
        ServerProcess(tmp_path / "state.db") as server,
        ours(server.url) as ada,
        YjsPeer(server.url, agent="guest", provider="y-websocket-2") as guest,
    ):
        await asyncio.gather(ada.heard("synced"), guest.heard("synced"))
        await ada.do("edit", edits=[edit(1, "append", root="draft", text="a")])
        assert await ada.do("outcome", id=1) == {}
        assert await server.end(signal.SIGTERM) == 0
        await eventually(lambda: state_of(ada), "connecting")
        edits = [edit(n, "append", root="draft", text="bcdefghi"[n - 2]) for n in range(2, 10)]
        edits[2:2] = [edit(20, "forge", key="account")]
        edits[6:6] = [edit(21, "forge", key="account")]
        await ada.do("edit", edits=edits)
        assert (await ada.do("state_of"))["pending"] == 10
        await server.start()
        for number in range(2, 10):
            assert await ada.do("outcome", id=number) == {}
        for number in (20, 21):
            assert (await ada.do("outcome", id=number))["name"] == "RefusedError"
        await guest.until("text", "abcdefghi", root="draft")
        await ada.until("text", "abcdefghi", root="draft")
        assert (await ada.do("state_of"))["state"] == "live"


@in_loop
async def test_another_document_under_the_same_name_takes_nothing_over(tmp_path: Path) -> None:
    """A store that was made anew: the past is not merged into it, and what waited is told, not lost."""
    path = tmp_path / "state.db"
    async with ServerProcess(path) as server, ours(server.url) as ada:
        await ada.heard("synced")
        await ada.do("edit", edits=[edit(1, "append", root="draft", text="old")])
        assert await ada.do("outcome", id=1) == {}
        await server.end(signal.SIGTERM)
        for name in os.listdir(tmp_path):
            os.unlink(tmp_path / name)
        await ada.do("edit", edits=[edit(2, "append", root="draft", text=" more")])
        await server.start()
        reset = await ada.heard("reset")
        assert (reset["error"]["name"], reset["error"]["code"]) == ("FencedError", "epoch_changed")
        assert (await ada.do("outcome", id=2))["code"] == "epoch_changed"
        assert await ada.do("synced") == {}
        assert await ada.do("text", root="draft") == ""


async def state_of(peer: YjsPeer) -> str:
    return str((await peer.do("state_of"))["state"])


# -- the end of a handle -------------------------------------------------------------------------------------------


@in_loop
async def test_a_token_that_is_no_good_stops_the_handle(tmp_path: Path) -> None:
    """A typed error, no coming back, what waited is rejected with it; no text holds the token. A good one is let in."""
    keys = tmp_path / "keys.json"
    good, _ = create(keys, Principal("ada", grant=Grant((("acme",),))), 1)
    bad = good[:-8] + "AAAAAAAA"
    async with ServerProcess(tmp_path / "state.db", "--token-file", str(keys)) as server:
        async with ours(server.url, token=bad) as ada:
            await ada.do("edit", edits=[edit(1, "append", root="draft", text="x")])
            stopped = await ada.heard("stopped")
            assert (stopped["error"]["name"], stopped["error"]["code"]) == ("UnauthorizedError", "bad_token_shown")
            told = [
                await ada.do("outcome", id=1),
                await ada.do("synced"),
                await ada.do("saved"),
                await ada.do("state_of"),
            ]
            over_http = await ada.do("region", kind="log", name="findings", act="append", given=["x"])
            told += [over_http, stopped, *ada.events]
            assert [one["name"] for one in told[:3]] == ["UnauthorizedError"] * 3
            assert (told[3]["state"], over_http["name"], over_http["code"]) == (
                "stopped",
                "UnauthorizedError",
                "bad_token_shown",
            )
            assert bad not in json.dumps(told)
        async with ours(server.url, token=good) as ada:
            await ada.heard("synced")
            await ada.do("edit", edits=[edit(1, "append", root="draft", text="x")])
            assert await ada.do("outcome", id=1) == {}
            assert good not in json.dumps([await ada.do("state_of"), *ada.events])


@in_loop
async def test_a_fenced_agent_stops(tmp_path: Path) -> None:
    """Whom somebody ended on purpose does not come back by itself."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url, ours(url) as ada:
        await ada.heard("synced")
        assert await engine.fence("ada") == 1
        await ada.do("edit", edits=[edit(1, "append", root="draft", text="x")])
        assert (await ada.heard("stopped"))["error"]["name"] == "FencedError"
        assert (await ada.do("outcome", id=1))["name"] == "FencedError"


@in_loop
async def test_closing_ends_the_session_at_once(tmp_path: Path) -> None:
    """The authority does not wait out the grace time of who said goodbye."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url, ours(url) as ada:
        here = await engine.open(Brief, TASK, "brief", agent="here")

        async def who_left() -> list[str]:
            return [entry.actor for entry in await here.history(kind="leave")]

        await ada.heard("synced")
        assert await who_left() == []
        await ada.do("close")
        await eventually(who_left, ["ada"])


@in_loop
async def test_closing_rejects_what_waits(tmp_path: Path) -> None:
    """Nothing hangs after `close`."""
    async with ServerProcess(tmp_path / "state.db") as server, ours(server.url) as ada:
        await ada.heard("synced")
        await server.end(signal.SIGTERM)
        await ada.do("edit", edits=[edit(1, "append", root="draft", text="x")])
        await ada.do("close")
        assert (await ada.do("outcome", id=1))["name"] == "ClosedError"
        assert (await ada.do("synced"))["name"] == "ClosedError"


# -- over HTTP -----------------------------------------------------------------------------------------------------


@in_loop
async def test_a_guarded_write_by_hand_and_its_stale_twin(tmp_path: Path) -> None:
    """fetch with If-Match lands; the same tag again is 412 with value, version, writer and a fresh tag that lands."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url, YjsPeer(url) as peer:
        here = await engine.open(Brief, TASK, "brief", agent="here")
        await guarded_by_hand(peer, url, here)


@in_loop
async def test_a_lost_commit_carries_a_reading_to_derive_from(tmp_path: Path) -> None:
    """ConflictError has value, version and writer of what won, and its reading lands."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url, ours(url) as ada:
        here = await engine.open(Brief, TASK, "brief", agent="here")
        assert (await ada.do("read", name="account"))["value"] is None
        landed = await here.account.commit({"plan": "pro"}, expect=await here.account.read())
        lost = await ada.do("commit", name="account", value={"plan": "team"}, why="late")
        assert (lost["name"], lost["code"], lost["retryable"]) == ("ConflictError", "stale_version", True)
        assert (lost["value"], lost["version"], lost["writer"]) == ({"plan": "pro"}, landed.version, "here")
        again = await ada.do("commit_again", name="account", value={"seats": 5})
        assert again["done"]["value"] == {"plan": "pro", "seats": 5}
        assert (await here.account.read()).value == {"plan": "pro", "seats": 5}
        new = await ada.do("commit", name="account", value={}, new=True)
        assert (new["name"], new["value"]) == ("ConflictError", {"plan": "pro", "seats": 5})


@in_loop
async def test_updates_of_several_writers_all_land(tmp_path: Path) -> None:
    """The retry loop loses none of them, and gives up after as many attempts as it was allowed."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url:
        here = await engine.open(Brief, TASK, "brief", agent="here")
        async with ours(url, "ada") as ada, ours(url, "bob") as bob:
            both = [
                peer.do("update", name="account", why="count", attempts=40) for peer in (ada, bob) for _ in range(8)
            ]
            assert all("done" in outcome for outcome in await asyncio.gather(*both))
            assert (await here.account.read()).value == {"n": 16}
            assert [entry.why for entry in await here.history("account", kind="write")] == ["count"] * 16


@in_loop
async def test_other_regions_and_their_errors_over_http(tmp_path: Path) -> None:
    """Logs, sets, counters, texts and maps by their own verbs; refusals are typed; old versions are read."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url, ours(url) as ada:
        await ada.heard("synced")

        async def act(kind: str, name: str, verb: str, *given: Any) -> dict[str, Any]:
            answer: dict[str, Any] = await ada.do("region", kind=kind, name=name, act=verb, given=list(given))
            return answer.get("done", answer)  # type: ignore[no-any-return]

        first = await act("log", "findings", "append", "one", {"why": "said so"})
        await act("unionSet", "questions", "add", "why?")
        await act("unionSet", "questions", "add", "how?")
        await act("unionSet", "questions", "discard", "why?")
        await act("counter", "citations", "increment")
        await act("counter", "citations", "increment", 2)
        await act("text", "draft", "append", "hello")
        await act("text", "draft", "insert", 0, "> ")
        await act("text", "draft", "replace", "hello", "bye")
        await act("map", "cursors", "set", "ada/1", 7)
        await act("map", "cursors", "set", "bob", 8)
        await act("map", "cursors", "remove", "bob")
        read = {
            name: (await act(kind, name, "read"))["value"]
            for kind, name in [
                ("log", "findings"),
                ("unionSet", "questions"),
                ("counter", "citations"),
                ("text", "draft"),
                ("map", "cursors"),
            ]
        }
        assert read == {
            "findings": ["one"],
            "questions": ["how?"],
            "citations": 3,
            "draft": "> bye",
            "cursors": {"ada/1": 7},
        }
        entry = (await act("log", "findings", "read"))["entries"][0]
        assert (entry["value"], entry["by"], entry["version"]) == ("one", "ada", first["version"])
        then = (await ada.do("document", at=first["version"]))["done"]
        assert {name: one["value"] for name, one in then["regions"].items()} == {"findings": ["one"]}
        wrong = await act("counter", "findings", "increment")
        assert (wrong["name"], wrong["code"]) == ("InvalidError", "wrong_kind")
        late = await ada.do("document", at=10_000)
        assert (late["name"], late["code"]) == ("NotFoundError", "unknown_version")


# -- the package ---------------------------------------------------------------------------------------------------


def test_the_parts_keep_their_promises(node_bin: str) -> None:
    """The package's own tests of its pure parts pass under `node --test`."""
    tests = sorted(map(str, (PACKAGE / "test").glob("*.test.js")))
    done = subprocess.run([node_bin, "--test", *tests], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"pass \d\d", done.stdout)


def test_the_types_name_what_the_package_exports(node_bin: str) -> None:
    """Every runtime export has a declaration and every declared function or class exists; the version is the server's."""
    index = json.dumps((PACKAGE / "src/index.js").as_uri())
    script = f"import({index}).then(all => console.log(JSON.stringify(Object.keys(all))))"
    done = subprocess.run([node_bin, "-e", script], capture_output=True, text=True, timeout=30, check=True)
    declared = re.findall(
        r"^export (?:function|class) (\w+)", (PACKAGE / "src/index.d.ts").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(json.loads(done.stdout)) == sorted(declared)
    package = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))
    assert (package["version"], "dependencies" in package) == (accordant.__version__, False)


@in_loop
async def test_the_readme_of_the_package_runs(tmp_path: Path, node_bin: str, node_modules: Path) -> None:
    """What js/README.md shows is one program, and it does what the text says."""
    shown = (PACKAGE / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```js\n(.*?)^```$", shown, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    packages = tmp_path / "node_modules"
    packages.mkdir()
    (packages / "accordant").symlink_to(PACKAGE)
    for name in ("yjs", "y-websocket", "ws"):
        (packages / name).symlink_to(node_modules / name)
    # Node before 22 lacks the class, and the text says so.
    program = "import WebSocket from 'ws'\nglobalThis.WebSocket ??= WebSocket\n" + "\n".join(blocks)
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url:
        here = await engine.open(Brief, TASK, "brief", agent="here", shared=True)
        program = program.replace("ws://127.0.0.1:8765", url).replace(
            "http://127.0.0.1:8765", url.replace("ws:", "http:")
        )
        (tmp_path / "readme.mjs").write_text(program, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            node_bin, str(tmp_path / "readme.mjs"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = (part.decode() for part in await asyncio.wait_for(process.communicate(), 30))
        assert (process.returncode, err) == (0, "")
        assert out.splitlines()[:3] == [
            "guarded_closed 0",
            "RefusedError guarded_closed",
            f"{{ plan: 'pro' }} {(await here.history('account', kind='write'))[-1].offset} ops",
        ]
        assert (await here.account.read()).value == {"plan": "team", "seats": 5}
        assert (await here.findings.read()).value == ["Churn in Q3 was 4.1%.", "Q3 churn was 6.3%."]
        assert (await here.draft.read()).value == "# Q3 brief\n"
