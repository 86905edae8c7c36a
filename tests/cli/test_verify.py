"""`accordant verify`: what was changed after it was written is found, wherever it was changed, and named."""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
from pathlib import Path
from typing import Any, cast

import pytest

from accordant import Conflict, Engine
from accordant.cli.source import reading
from accordant.engine.host.verify import VerifyReport
from accordant.engine.host.verify import verify as verify_document
from accordant.engine.state import MAGIC
from accordant.engine.stores.contract import Store
from accordant.engine.stores.sqlite import SqliteStore
from accordant.types.entries import GENESIS, content_hash
from accordant.types.namespaces import DocumentKey
from audited_store import KEY, TASK, Brief, answer, change, rows, run, written


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("story") / "state.db")


@pytest.fixture
def store(story: Path, tmp_path: Path) -> Path:
    """A copy of the story's store, to be damaged."""
    return Path(shutil.copy(story, tmp_path / "state.db"))


async def report_on(path: Path) -> VerifyReport:
    async with reading(str(path)) as store:
        return await verify_document(store, KEY)


def heads(path: Path) -> int:
    return int(rows(path, "select head from documents")[0][0])


def test_a_whole_store_agrees(store: Path) -> None:
    """What the engine wrote verifies: every entry's hash, the checkpoint, the fields; exit code 0."""
    shown = answer("verify", store)
    (found,) = shown["documents"]
    assert shown["agrees"] is True
    assert found["entries"] == found["head"] == heads(store) > 15
    assert found["checkpoint"] is not None
    assert found["fields"] == 1
    assert found["head_hash"] == rows(store, "select head_hash from documents")[0][0].hex()


@pytest.mark.parametrize("column", ["header", "body", "hash", "at"])
def test_a_damaged_byte_anywhere_in_an_entry_is_found(store: Path, tmp_path: Path, column: str) -> None:
    """One changed byte in any column of any entry breaks the chain there, and that entry is named as the first bad one."""
    dice = random.Random(column)
    for row_id, value in rows(store, f"select id, {column} from entries where {column} is not null"):
        damaged = Path(shutil.copy(store, tmp_path / "damaged.db"))
        change(damaged, f"update entries set {column} = ? where id = ?", (_one_byte_off(value, dice), row_id))
        report = asyncio.run(report_on(damaged))
        assert report.first_bad == row_id & (2**40 - 1), (row_id, report)


def _one_byte_off(value: Any, dice: random.Random) -> Any:
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, str):
        at = dice.randrange(len(value))
        return f"{value[:at]}{chr(ord(value[at]) ^ 1)}{value[at + 1 :]}"
    at = dice.randrange(len(value))
    return value[:at] + bytes([value[at] ^ dice.randrange(1, 256)]) + value[at + 1 :]


def test_the_first_bad_entry_is_named(store: Path) -> None:
    """Of several damaged entries the first is named, on a terminal's text and in JSON; exit code 4."""
    for offset in (11, 6, 9):
        change(store, "update entries set header = header || ' ' where id & 0xffffffffff = ?", (offset,))
    shown = answer("verify", store, exit_code=4)
    assert shown["agrees"] is False
    assert shown["documents"][0]["first_bad"] == 6


def test_a_missing_entry_is_found(store: Path) -> None:
    """A deleted row is a gap, not a shorter log; and a log cut short at its end does not pass either."""
    cut = store.with_name("cut.db")
    shutil.copy(store, cut)
    change(store, "delete from entries where id & 0xffffffffff = 7")
    assert answer("verify", store, exit_code=4)["documents"][0]["first_bad"] == 7
    change(cut, "update documents set head = head - 2")
    assert answer("verify", cut, exit_code=4)["documents"][0]["first_bad"] == heads(cut)


def test_a_changed_field_row_is_found(store: Path) -> None:
    """The table that commits are judged by is held against the log, in value, version and author."""
    for changed in ('value = \'{"status":"active"}\'', "version = version - 1", "by = 'mallory'", "value = 'no json'"):
        damaged = Path(shutil.copy(store, store.with_name("damaged.db")))
        change(damaged, f"update fields set {changed}")
        (found,) = asyncio.run(report_on(damaged)).discrepancies
        assert (found.where, found.path) == ("fields", "account"), changed
    change(store, "delete from fields")
    (found,) = asyncio.run(report_on(store)).discrepancies
    assert (found.where, found.path) == ("fields", "account")


def test_a_checkpoint_that_is_not_the_log_is_found(store: Path, tmp_path: Path) -> None:
    """A checkpoint of another history is caught by its hash and by its values; one that cannot be read, too."""
    other = tmp_path / "other.db"

    async def another_story() -> None:
        async with Engine(other) as engine:
            brief = await engine.open(Brief, TASK, "brief", agent="triage")
            for _ in range(heads(store) - 3):
                await brief.findings.append("another history")

    asyncio.run(another_story())
    ((offset, state),) = rows(other, "select offset, state from checkpoints")
    change(store, "update checkpoints set state = ?, offset = ?", (state, offset))
    damaged = asyncio.run(report_on(store)).discrepancies
    assert {found.where for found in damaged} == {"checkpoint"}
    change(store, "update checkpoints set state = x'00'")
    (found,) = [one for one in asyncio.run(report_on(store)).discrepancies if "cannot be read" in one.text]
    assert found.where == "checkpoint"


def test_a_checkpoint_with_one_value_changed_is_found(store: Path) -> None:
    """With the right hash, format and checksum, a checkpoint still has to give the values that the log gives."""
    ((state,),) = rows(store, "select state from checkpoints")
    assert state.count(b"When?") == 1
    head, body = state[: len(MAGIC)], state[len(MAGIC) + 32 :].replace(b"When?", b"Then?")
    change(store, "update checkpoints set state = ?", (head + hashlib.sha256(body).digest() + body,))
    found = asyncio.run(report_on(store)).discrepancies
    assert [(one.where, one.path) for one in found] == [("checkpoint", "open_questions")]


def test_a_checkpoint_of_another_chain_is_found(store: Path) -> None:
    """The same values under another hash: the checkpoint was not taken of this log."""
    change(store, "update checkpoints set hash = zeroblob(32)")
    (found,) = asyncio.run(report_on(store)).discrepancies
    assert (found.where, "belongs to another log" in found.text) == ("checkpoint", True)


def test_a_rewritten_log_with_a_sound_chain_still_has_to_fit_its_updates(store: Path) -> None:
    """Whoever rewrites an audit record and chains everything anew has not changed what the updates say."""
    _rewrite(store, '"status":"churned"', '"status":"renewed"')
    report = asyncio.run(report_on(store))
    assert report.first_bad is None
    assert {(found.where, found.path) for found in report.discrepancies} >= {
        ("guarded", "account"),
        ("fields", "account"),
    }


def _rewrite(path: Path, old: str, new: str) -> None:
    previous = GENESIS
    for row_id, header, body in rows(path, "select id, header, body from entries order by id"):
        header = header.replace(old, new)
        previous = content_hash(previous, row_id & (2**40 - 1), header, body)
        change(path, "update entries set header = ?, hash = ? where id = ?", (header, previous, row_id))
    change(path, "update documents set head_hash = ?", (previous,))
    change(path, "update checkpoints set hash = ?", (previous,))


def test_damage_to_the_file_itself_never_ends_in_a_crash(store: Path) -> None:
    """Bytes overwritten anywhere in the file give 0 (unused space), 2 (not a store any more) or 4: never a traceback."""
    whole = store.read_bytes()
    codes = set()
    for at in range(0, len(whole), 397):
        store.write_bytes(whole[:at] + bytes(byte ^ 0x5A for byte in whole[at : at + 16]) + whole[at + 16 :])
        result = run("verify", store)
        assert result.exit_code in (0, 2, 4), (at, result.output, result.exception)
        codes.add(result.exit_code)
    assert 4 in codes


def test_a_store_in_use_is_verified_and_left_alone(tmp_path: Path) -> None:
    """While an engine writes, verifying agrees each time, and takes neither its lease nor a write from it."""
    path = tmp_path / "state.db"

    async def both() -> list[VerifyReport]:
        async with Engine(path) as engine:
            brief = await engine.open(Brief, TASK, "brief", agent="triage")
            reports = []
            for number in range(10):
                writing = asyncio.gather(*(brief.findings.append(f"{number}.{n}") for n in range(20)))
                reports.append(await report_on(path))
                await writing
                await brief.account.update(lambda value: {"n": (value or {}).get("n", 0) + 1})
            assert len((await brief.findings.read()).value) == 200
            return reports

    reports = asyncio.run(both())
    assert all(report.agrees for report in reports), reports
    assert reports[-1].head > reports[0].head


def test_what_lands_meanwhile_is_left_for_the_next_time(tmp_path: Path) -> None:
    """The log is compared up to the head as it was when the fields were read: a commit right after that disturbs nothing."""
    path = tmp_path / "state.db"

    class Overtaken:
        """The store, in which a commit lands right after the fields were read."""

        def __init__(self, store: Store, brief: Brief) -> None:
            self._store = store
            self._brief = brief

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def fields(self, document: str) -> Any:
            found = await self._store.fields(document)
            await self._brief.account.update(lambda value: {"n": (value or {}).get("n", 0) + 1})
            return found

    async def overtaken() -> tuple[VerifyReport, int]:
        async with Engine(path) as engine:
            brief = await engine.open(Brief, TASK, "brief", agent="triage")
            await brief.account.update(lambda _: {"n": 1})
            async with reading(str(path)) as store:
                report = await verify_document(cast(Store, Overtaken(store, brief)), KEY)
            return report, brief.version

    report, version = asyncio.run(overtaken())
    assert report.agrees, report
    assert report.head == version - 1


def test_a_truncated_log_verifies_by_its_digests(store: Path, tmp_path: Path) -> None:
    """Where retention has dropped update bytes, headers are still verified, and a changed one is still found."""

    async def truncate() -> int:
        truncated = SqliteStore(store)
        await truncated.open()
        dropped = await truncated.truncate(KEY, 10)
        await truncated.close()
        return dropped

    assert asyncio.run(truncate()) > 0
    report = asyncio.run(report_on(store))
    assert report.agrees
    assert report.entries == report.head
    assert report.replayed_after == report.checkpoint
    for offset in (8, 4):
        change(store, "update entries set header = header || ' ' where id & 0xffffffffff = ?", (offset,))
    assert asyncio.run(report_on(store)).first_bad == 4


def test_every_document_is_verified_unless_one_is_named(tmp_path: Path) -> None:
    """Without a name all documents are verified; with a name, that one."""
    path = tmp_path / "state.db"

    async def two() -> None:
        async with Engine(path) as engine:
            for name in ("a", "b"):
                await (await engine.open(Brief, TASK, name, agent="triage")).findings.append(name)

    asyncio.run(two())
    assert len(answer("verify", path)["documents"]) == 2
    assert [one["document"] for one in answer("verify", path, "acme/task/q3/b")["documents"]] == ["acme/task/q3/b"]


def test_progress_is_told_up_to_the_head(store: Path) -> None:
    """Whoever waits hears how far it is."""
    told: list[tuple[int, int]] = []

    async def verified() -> None:
        async with reading(str(store)) as opened:
            await verify_document(opened, KEY, lambda read, head: told.append((read, head)))

    asyncio.run(verified())
    assert told[-1] == (heads(store), heads(store))


def test_a_store_that_was_verified_can_be_written_again(store: Path) -> None:
    """Verifying leaves nothing behind that stands in an engine's way."""
    before = answer("verify", store)["documents"][0]["head"]

    async def go_on() -> None:
        async with Engine(store) as engine:
            brief = await engine.open(Brief, TASK, "brief", agent="triage")
            with pytest.raises(Conflict):
                stale = await brief.account.read()
                await brief.account.commit({"n": 1}, expect=stale)
                await brief.account.commit({"n": 2}, expect=stale)

    asyncio.run(go_on())
    assert answer("verify", store)["documents"][0]["head"] > before


def test_a_pinned_version_that_is_not_of_this_log_is_named(store: Path) -> None:
    """Its state is read and its hash compared: a pin whose bytes or place were changed cannot pass for the version."""

    async def pin() -> None:
        async with Engine(store) as engine:
            await engine.pin(DocumentKey.parse(KEY), 5, agent="triage", why="shown")
            await engine.pin(DocumentKey.parse(KEY), 7, agent="triage", why="shown")

    asyncio.run(pin())
    assert answer("verify", store)["agrees"] is True
    change(store, "update pins set hash = zeroblob(32) where version = 7")
    change(store, "update pins set state = substr(state, 1, length(state) - 9) where version = 5")
    (found,) = answer("verify", store, exit_code=4)["documents"]
    assert [(one["where"], one["offset"]) for one in found["discrepancies"]] == [("checkpoint", 5), ("checkpoint", 7)]
