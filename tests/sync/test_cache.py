"""Readings are served from memory only while the authority says that their version is current; nothing has a time to live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accordant import Counter, Document, Engine, Guarded, GuardedMap, Log, Text, connect
from accordant.sync.client.cache import Cache
from accordant.sync.client.port import WebsocketPort
from accordant.sync.messages import Method, answer_from_json, question_to_json
from accordant.types.commands import Question, ReadAnswer
from accordant.types.memory_limits import CACHE_BYTES_MAX
from accordant.types.readings import Token
from accordant.types.regions import Kind
from serving import serving
from worlds import TASK, in_loop, world


class Brief(Document):
    account: Guarded[str]
    tasks: GuardedMap[int]
    draft: Text
    findings: Log[str]
    citations: Counter


async def _wire(doc: Brief, question: Question) -> ReadAnswer:
    """The answer as it comes over the wire, past the cache."""
    port = doc._port
    assert isinstance(port, WebsocketPort)
    return answer_from_json(await port._call(Method.ASK, question_to_json(question)))


@in_loop
async def test_what_is_known_is_not_sent_again() -> None:
    """The answer to a reader who has the current version carries no value, of a region and of a field; to any other it does."""
    async with world("websocket") as w:
        doc, other = await w.open(Brief, "web"), await w.open(Brief, "other")
        await doc.draft.append("long " * 1_000)
        await doc.account.commit("active", expect=await doc.account.read())
        await doc.tasks.commit("a", 1, expect=await doc.tasks.read("a"))
        for region, kind, key in (
            ("draft", Kind.TEXT, None),
            ("account", Kind.GUARDED, None),
            ("tasks", Kind.GUARDED_MAP, None),
            ("tasks", Kind.GUARDED_MAP, "a"),
            ("findings", Kind.LOG, None),
        ):
            whole = await _wire(doc, Question(region, kind, key))
            again = await _wire(doc, Question(region, kind, key, known=whole.token.version))
            assert (again.is_unchanged, again.value, again.token) == (True, None, whole.token)
            older = await _wire(doc, Question(region, kind, key, known=whole.token.version - 1))
            assert (older.is_unchanged, older.value) == (False, whole.value)
        await other.draft.append("more")
        assert (await _wire(doc, Question("draft", Kind.TEXT, known=whole.token.version))).value.endswith("more")


@in_loop
async def test_nobody_is_ever_served_an_old_version() -> None:
    """However often somebody else writes between two reads, each read has the newest value, entries and marks included; a value
    that a reader has changed in place is not served to the next."""
    async with world("websocket") as w:
        doc, other = await w.open(Brief, "web"), await w.open(Brief, "other")
        refs = []
        for n in range(20):
            refs.append(await other.findings.append(str(n)))
            await other.account.update(lambda _, n=n: str(n))
            for _ in range(2):
                reading = await doc.findings.read()
                assert [item.ref for item in reading.entries] == refs
                reading.value.append("mine")
                assert (await doc.account.read()).value == str(n)
        await other.retract(refs[3])
        for cached in (True, False, True):
            assert (await doc.findings.read(cached=cached)).entries[3].status == "retracted"
        token = (await doc.findings.read()).token
        assert token.generation == doc.generation


@in_loop
async def test_another_authority_may_have_another_past(tmp_path: Path) -> None:
    """A store that was put back from a backup gives old versions new meanings: what was read before is not served."""
    path, backup = tmp_path / "a.db", tmp_path / "b.db"
    async with Engine(path) as engine:
        seed = await engine.open(Brief, TASK, "brief", agent="seed")
        await seed.citations.increment(1)
    backup.write_bytes(path.read_bytes())
    async with Engine(path) as engine, serving(engine) as url:
        doc = await connect(Brief, url, TASK, "brief", agent="web")
        await doc.draft.append("before")
        old = await doc.draft.read()
        cache = _cache(doc)
        await doc.close()
    path.unlink()
    path.write_bytes(backup.read_bytes())
    async with Engine(path) as engine, serving(engine) as url:
        doc = await connect(Brief, url, TASK, "brief", agent="web")
        doc._port._cache = cache  # type: ignore[attr-defined]
        while doc.version + 1 < old.version:
            await doc.citations.increment(1)
        await doc.draft.append("after ")
        now = await doc.draft.read()
        assert (now.version, now.value) == (old.version, "after ")
        await doc.close()


def _cache(doc: Any) -> Cache:
    cache: Cache = doc._port._cache
    return cache


def test_it_is_bounded_by_bytes() -> None:
    """What was read least recently goes; what alone would fill it is not kept; nothing that was kept is miscounted."""
    cache = Cache()

    def put(path: str, size: int) -> None:
        cache.served(Question(path, Kind.TEXT), ReadAnswer("x" * size, Token(1, "i", 5, 1), path))

    for n in range(10):
        put(str(n), CACHE_BYTES_MAX // 4)
        put(str(n), CACHE_BYTES_MAX // 4)
    kept = [str(n) for n in range(10) if cache.known(Question(str(n), Kind.TEXT), 1) is not None]
    assert kept == ["7", "8", "9"]
    put("9", CACHE_BYTES_MAX + 1)
    assert cache.known(Question("9", Kind.TEXT), 1) is None
    assert cache.known(Question("8", Kind.TEXT), 2) is None
    gone = ReadAnswer(None, Token(1, "i", 5, 1), "9", is_unchanged=True)
    assert cache.served(Question("9", Kind.TEXT), gone) is None
    for n in range(3):
        put(f"new {n}", CACHE_BYTES_MAX // 4)
    assert cache.known(Question("8", Kind.TEXT), 1) is None
