"""Peers that pretend: to be another, to have been here before, to mean another document, to hold another token."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import quote

import httpx

from accordant.sync.messages import Hello, Resume
from accordant.sync.server.tokens import create
from accordant.sync.wire import Awareness, AwarenessState, Own, OwnType, QueryAwareness, decode_frame, encode_message
from accordant.types.access import Grant, Principal
from accordant.types.limits import AWARENESS_CLIENTS_PER_PEER_MAX
from bare_socket import BareSocket, bare_socket, bare_websocket, framed, upgrade_request
from honest_pair import DOCUMENT, honest_pair
from processes import ServerProcess
from raw_peer import RawPeer, raw_peer
from worlds import in_loop

STEP_1 = framed(b"\x00\x00\x01\x00")

TRICKS = [
    "acme/task/%2e%2e/brief",
    "acme/task/q3/..",
    "acme/task/q3/../../../etc/passwd",
    "acme//q3/brief",
    "acme/task/q3//brief",
    "/acme/task/q3/brief",
    "acme/task/q3/bri%00ef",
    "acme/task/q3/brief%00",
    "acme/task/q3%2Fbrief",
    "acme%2Ftask%2Fq3%2Fbrief",
    "acme/task/q3/a%5Cb%0A",
    "acme/task/q3/%ED%A0%80",
    "acme/task/q3/%FF%FE",
    "acme/task/q3/cafe%CC%81",
    "acme/task/q3/%E2%80%AEfeirb",
    "acme/task/q3/" + "x" * 129,
    "acme/other/q3/brief",
    "system/private/brief",
    "acme/task/q3",
    "acme/task/q3/brief/regions",
]


async def end_of(server: ServerProcess, path: str) -> tuple[int, str]:
    """How a y-websocket peer is sent away from here."""
    async with bare_websocket(server.port, path) as peer:
        await peer.send(STEP_1)
        return await peer.closed()


@in_loop
async def test_no_trick_with_a_name_opens_a_document(tmp_path: Path) -> None:
    """Dots, slashes, NUL, halves of characters, other Unicode forms, names without end: 4404 with `bad_name` on a websocket, 4xx
    over HTTP, and afterwards there is the one document that was meant, and a look-alike is another one."""
    async with ServerProcess(tmp_path / "s.db") as server, honest_pair(server):
        for path in TRICKS:
            assert await end_of(server, f"/sync/{path}") == (4404, "bad_name"), path
            async with bare_socket(server.port) as peer:
                await peer.send(f"GET /documents/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                status, code = await peer.problem()
                assert (status, code in ("bad_name", "unknown_route")) == (404, True), (path, code)
        for request in (f"GET /sync/{'x' * 20_000}", f"GET /sync/{DOCUMENT}?token={'x' * 8_001}"):
            async with bare_socket(server.port) as peer:
                await peer.send(upgrade_request("/").replace(b"GET /", request.encode()))
                assert await peer.problem() == (431, "head_too_large")
        async with bare_socket(server.port) as peer:
            await peer.send(upgrade_request(f"/sync/{DOCUMENT}", *(f"X-{number}: y" for number in range(130))))
            assert await peer.problem() == (431, "head_too_large")
        look_alike = quote("acme/task/q3/bri\u0435f")  # a Cyrillic letter
        async with raw_peer(server.url, f"/sync/{look_alike}") as peer:
            assert str(peer.text("pair")) == ""
        async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
            listed = [row["document"] for row in (await http.get("/documents")).json()["documents"]]
        assert sorted(listed) == sorted([DOCUMENT, "acme/task/q3/bri\u0435f"])


@in_loop
async def test_tokens_open_what_they_grant(tmp_path: Path) -> None:
    """Another namespace's document is denied alike whether it exists or not, on both doors; an ended and a forged token too;
    what needs no token answers without one."""
    keys = tmp_path / "keys.json"
    mine, _ = create(keys, Principal("pair", grant=Grant((("acme", "task", "q3"),))), 1)
    other, _ = create(keys, Principal("eve", grant=Grant((("acme", "task", "q4"),))), 1)
    head, body, signature = mine.split(".")
    async with ServerProcess(tmp_path / "s.db", "--token-file", str(keys)) as server, honest_pair(server, token=mine):
        for name in (DOCUMENT, "acme/task/q3/nothing"):
            assert await end_of(server, f"/sync/{name}?token={other}") == (4401, "no_grant")
            prefix = bytes([len(name)]) + name.encode()
            async with bare_websocket(server.port, "/sync") as peer:
                shown = bytes([len(other) & 127 | 128, len(other) >> 7]) + other.encode()
                await peer.send(framed(prefix + b"\x02\x00" + shown))
                assert (await peer.frame())[1].startswith(prefix + b"\x02\x01")
        assert await end_of(server, f"/sync/{DOCUMENT}") == (4401, "no_token")
        assert await end_of(server, f"/sync/{DOCUMENT}?token={head}.{body}.{signature[::-1]}") == (
            4401,
            "bad_token_shown",
        )
        assert await end_of(server, f"/sync/{DOCUMENT}?token={'x' * 5_000}") == (4401, "bad_token_shown")
        assert await end_of(server, f"/sync/{DOCUMENT}?token={mine}&agent=eve") == (4401, "not_your_name")
        async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
            bearer = {"Authorization": f"Bearer {other}"}
            told = [
                (await http.get(f"/documents/{n}", headers=bearer)).json()["code"]
                for n in (DOCUMENT, "acme/task/q3/no")
            ]
            assert told == ["no_grant", "no_grant"]
            assert (await http.get("/documents", headers=bearer)).json() == {"documents": [], "next": None}
            for path in ("/", "/healthz", "/openapi.json"):
                assert (await http.get(path)).status_code == 200
            for path in ("/documents", "/metrics", f"/documents/{DOCUMENT}"):
                assert (await http.get(path)).status_code == 401


async def hello(peer: BareSocket, agent: str, resume: Resume | None = None) -> dict[str, object]:
    """Say hello; the welcome or the error."""
    await peer.send(framed(encode_message(Own(OwnType.HELLO, Hello(agent=agent, resume=resume).to_json()))))
    while True:
        [said] = decode_frame((await peer.frame())[1])
        if isinstance(said, Own):
            return dict(said.body)


@in_loop
async def test_nobody_resumes_what_is_not_theirs(tmp_path: Path) -> None:
    """A wrong secret, a right one under another name: `not_yours`, final; an invented session is simply a new one; and who is
    claimed stays where it is."""
    async with ServerProcess(tmp_path / "s.db") as server, honest_pair(server), bare_websocket(server.port) as ann:
        mine = await hello(ann, "ann")
        session, secret = str(mine["session"]), str(mine["secret"])
        for agent, claimed in (("ann", "x" * 32), ("ann", ""), ("ann", "\u0661" * 32), ("eve", secret)):
            async with bare_websocket(server.port) as peer:
                answer = await hello(peer, agent, Resume(session, claimed))
                assert json.loads(json.dumps(answer))["error"]["code"] == "not_yours"
                assert await peer.closed() == (4410, "not_yours")
        async with bare_websocket(server.port) as peer:
            assert (await hello(peer, "eve", Resume("f" * 32, secret)))["resumed"] is False
        await ann.send(framed(encode_message(Own(OwnType.CALL, {"id": 1, "method": "outline", "body": {}}))))
        while True:
            [said] = decode_frame((await ann.frame())[1], 2**30)
            if isinstance(said, Own) and said.type is OwnType.RESULT:
                break


async def present(peer: BareSocket, *states: AwarenessState) -> None:
    await peer.send(framed(encode_message(Awareness(states))))


async def who_is_here(peer: RawPeer) -> dict[int, AwarenessState]:
    """What the room says, this peer included."""
    await peer.say(QueryAwareness())
    here: dict[int, AwarenessState] = {}
    while peer.doc.client_id not in here:  # others' news may come first
        shown: Awareness = await peer.hear_until(Awareness)
        here = {state.client: state for state in shown.states}
    return here


@in_loop
async def test_nobody_speaks_for_another(tmp_path: Path) -> None:
    """Presences of others' clients, their goodbyes, clocks at the end of numbers, ten thousand ids: nothing of it is believed
    beyond four ids of one's own, and nobody disappears; a state that is too large ends its sender alone."""
    async with (
        ServerProcess(tmp_path / "s.db") as server,
        honest_pair(server),
        raw_peer(server.url) as ann,
        bare_websocket(server.port) as eve,
    ):
        await ann.present(5)
        ada = AwarenessState(ann.doc.client_id, 5, '{"name":"Ada"}')
        await eve.send(STEP_1)
        await present(
            eve, AwarenessState(ada.client, 6, "null"), AwarenessState(ada.client, 2**53 - 1, '{"name":"Eve"}')
        )
        for start in range(0, 10_000, 1_000):
            await present(eve, *(AwarenessState(10**9 + start + n, 1, "{}") for n in range(1_000)))
        await present(eve, AwarenessState(10**9, 2**53 - 1, '{"last":true}'))
        await eve.send(framed(encode_message(QueryAwareness())))
        while True:
            [said] = decode_frame((await eve.frame())[1], 2**30)
            if isinstance(said, Awareness) and any(state.state == '{"last":true}' for state in said.states):
                break
        invented: set[int] = set()
        async with asyncio.timeout(10):
            while not invented:  # what was told before comes first
                here = await who_is_here(ann)
                assert here[ada.client] == ada
                invented = here.keys() & set(range(10**9, 10**9 + 10_000))
        assert len(invented) == AWARENESS_CLIENTS_PER_PEER_MAX
        await present(eve, AwarenessState(10**9, 2**53 - 1, json.dumps("x" * 2**20)))
        assert (await eve.closed())[0] == 4400
        assert (await who_is_here(ann))[ada.client] == ada
