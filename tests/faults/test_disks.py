"""Disks and files that fail under a running engine, or before it starts: typed errors that say what to do, nothing lost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from powercut_vfs import Disk
from writing import KEY, PLACE, Books, appending, check, session_of, write_all

from accordant import Engine, NoAuthority, StoreError
from accordant.engine.commands import Submit
from accordant.engine.stores.sqlite import SqliteStore
from accordant.engine.stores.sqlite_schema import FORMAT
from accordant.types.commands import Committed

HERE = Path(__file__).parent


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that can be full, read-only, or silent."""
    disk = Disk("engine-disks")
    yield disk
    disk.close()


def on(disk: Disk, folder: Path) -> SqliteStore:
    return SqliteStore(folder / "state.db", vfs=disk.name)


async def submit(engine: Engine, book: Books, op_id: str) -> Committed:
    """One append under an op id."""
    host = await engine.host(KEY)
    committed: Committed = await host.call(Submit(session_of(book), appending(op_id)))
    return committed


# -- a disk that fails and recovers --------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_the_same_engine_goes_on(disk: Disk, tmp_path: Path) -> None:
    """Everybody in the batch hears that it did not land; reads go on; with space the same op ids land, once each."""

    async def play() -> None:
        acknowledged: dict[str, int] = {}
        async with Engine(store=on(disk, tmp_path)) as engine:
            book = await engine.open(Books, PLACE, "ledger", agent="one")
            for n in range(5):
                acknowledged[f"before.{n}"] = (await submit(engine, book, f"before.{n}")).version
            disk.bytes_left = 0
            names = [f"during.{n}" for n in range(20)]
            replies = await asyncio.gather(*(submit(engine, book, name) for name in names), return_exceptions=True)
            assert {(type(r), r.code, r.landed) for r in replies} == {(StoreError, "store_full", False)}  # type: ignore[union-attr]
            assert "free some space" in str(replies[0])
            assert (await book.lines.read()).value == list(acknowledged)
            assert (await book.total.read()).value == 5
            with pytest.raises(StoreError, match="free some space"):
                await submit(engine, book, "during.0")

            disk.bytes_left = None
            for name in names:
                first, again = await submit(engine, book, name), await submit(engine, book, name)
                assert (first.duplicate, again.duplicate, again.version) == (False, True, first.version)
                acknowledged[name] = first.version
            await check(engine, acknowledged)
        async with Engine(tmp_path / "state.db") as engine:
            await check(engine, acknowledged)

    asyncio.run(play())


def test_a_disk_that_fills_up_slowly_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    """Wherever in a file the last free byte was, all that was acknowledged is there and the engine goes on."""

    async def fill(room: int) -> None:
        folder = tmp_path / str(room)
        folder.mkdir()
        acknowledged: dict[str, int] = {}
        disk.bytes_left = None
        async with Engine(store=on(disk, folder)) as engine:
            book = await engine.open(Books, PLACE, "ledger", agent="one")
            disk.bytes_left = room
            with pytest.raises(StoreError) as full:
                for n in range(500):
                    acknowledged[f"a.{n}"] = (await submit(engine, book, f"a.{n}")).version
            assert (full.value.code, full.value.landed) == ("store_full", False)
            disk.bytes_left = None
            refused = f"a.{len(acknowledged)}"
            acknowledged[refused] = (await submit(engine, book, refused)).version
            await check(engine, acknowledged)

    for room in range(50_000, 70_000, 2_111):
        asyncio.run(fill(room))


def test_a_disk_that_does_not_sync_leaves_the_outcome_open(disk: Disk, tmp_path: Path) -> None:
    """A failed sync is never taken for a commit; the same op id afterwards lands once, whatever had become of it."""

    async def play() -> None:
        async with Engine(store=on(disk, tmp_path)) as engine:
            book = await engine.open(Books, PLACE, "ledger", agent="one")
            before = await submit(engine, book, "before.0")
            disk.sync_fails = True
            with pytest.raises(StoreError) as failed:
                await submit(engine, book, "during.0")
            assert failed.value.landed is None
            assert "same op id" in str(failed.value)
            disk.sync_fails = False
            after = await submit(engine, book, "during.0")
            again = await submit(engine, book, "during.0")
            assert (again.duplicate, again.version) == (True, after.version)
            await check(engine, {"before.0": before.version, "during.0": after.version})

    asyncio.run(play())


def test_eight_agents_and_a_flickering_disk(disk: Disk, tmp_path: Path) -> None:
    """While the disk is full every now and then, agents that retry with the same op id make each write land once."""

    async def play() -> None:
        acknowledged: dict[str, int] = {}
        async with Engine(store=on(disk, tmp_path)) as engine:
            books = [await engine.open(Books, PLACE, "ledger", agent=f"agent-{n}") for n in range(8)]
            refused: list[StoreError] = []

            async def work(book: Books) -> None:
                for n in range(20):
                    op_id = f"{book.agent}.{n}"
                    while op_id not in acknowledged:
                        try:
                            acknowledged[op_id] = (await submit(engine, book, op_id)).version
                        except StoreError as error:
                            refused.append(error)
                            await asyncio.sleep(0.001)

            async def flicker() -> None:
                for n in range(40):
                    disk.bytes_left = 0 if n % 2 else None
                    await asyncio.sleep(0.003)
                disk.bytes_left = None

            await asyncio.gather(flicker(), *map(work, books))
            assert {error.landed for error in refused} <= {False, None}
            assert refused
            assert len(acknowledged) == 160
            await check(engine, acknowledged)

    asyncio.run(play())


# -- files that cannot be a store ----------------------------------------------------------------------------------


def refusal(path: Path) -> StoreError:
    """What opening an engine on this path is refused with."""

    async def play() -> StoreError:
        with pytest.raises(StoreError) as refused:
            async with Engine(path):
                pass
        return refused.value

    error = asyncio.run(play())
    assert error.landed is False
    assert error.fields["hint"] in str(error)
    return error


def make(path: Path) -> None:
    """A store with some writes, closed."""

    async def play() -> None:
        async with Engine(path, durability="process") as engine:
            await write_all(engine, "made", lambda op_id, version: None, 40)

    asyncio.run(play())


def test_a_folder_is_not_a_store(tmp_path: Path) -> None:
    """The error says that it is a folder."""
    assert "folder" in str(refusal(tmp_path))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The error says which folder to create."""
    assert repr(str(tmp_path / "nowhere")) in str(refusal(tmp_path / "nowhere" / "state.db"))


def test_junk_is_not_a_store(tmp_path: Path) -> None:
    """A file of something else is refused, and left as it is."""
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database " * 1_000)
    assert refusal(path).code == "store_corrupt"
    assert path.read_bytes() == b"not a database " * 1_000


def test_another_program_s_database_is_left_alone(tmp_path: Path) -> None:
    """A SQLite file of somebody else is refused before a byte of it changes."""
    path = tmp_path / "state.db"
    connection = apsw.Connection(str(path))
    connection.execute("create table mine(x)")
    connection.close()
    before = path.read_bytes()
    assert refusal(path).code == "store_foreign"
    assert path.read_bytes() == before


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """A store of a later release is not guessed at."""
    path = tmp_path / "state.db"
    make(path)
    connection = apsw.Connection(str(path))
    connection.execute(f"pragma user_version = {FORMAT + 1}")
    connection.close()
    error = refusal(path)
    assert (error.code, error.fields["format"]) == ("store_newer", FORMAT + 1)


def test_a_damaged_log_is_not_served(tmp_path: Path) -> None:
    """A document whose log was changed is refused with the entry's offset; nothing is shown in its place."""
    path = tmp_path / "state.db"
    make(path)
    connection = apsw.Connection(str(path))
    connection.execute("delete from checkpoints")
    changed = "update entries set header = replace(header, 'made-3.5', 'made-3.6') where header like '%made-3.5%'"
    connection.execute(changed)
    assert connection.changes() == 1
    connection.close()

    async def play() -> None:
        async with Engine(path) as engine:
            with pytest.raises(StoreError) as refused:
                await engine.open(Books, PLACE, "ledger", agent="one")
            assert refused.value.code == "store_corrupt"
            assert refused.value.fields["offset"] > 1
            other = await engine.open(Books, PLACE, "another", agent="one")  # its neighbours are not ill
            await other.lines.append("fine")

    asyncio.run(play())


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8])
def test_garbled_pages_never_pass_for_a_document(tmp_path: Path, share: float) -> None:
    """A page overwritten somewhere in the file is either outside the document or a typed error: never another state."""
    path = tmp_path / "state.db"
    make(path)
    whole = bytearray(path.read_bytes())
    at = int(len(whole) * share) // 4096 * 4096
    whole[at : at + 4096] = bytes(reversed(whole[at : at + 4096]))
    path.write_bytes(whole)

    async def play() -> None:
        async with Engine(path) as engine:
            await check(engine, {})

    try:
        asyncio.run(play())
    except StoreError as error:
        refused = error
    else:
        return  # the page held nothing of the document: everything in it was checked
    assert refused.code == "store_corrupt"
    assert refused.fields["hint"]


READ_ONLY = """
import asyncio, os, sys
from accordant import Engine, StoreError
async def play():
    try:
        async with Engine(sys.argv[1]):
            print("opened")
    except StoreError as error:
        print(error.code, error.landed, error.fields["hint"])
if os.geteuid() == 0:
    async def load_everything():  # while this user can still read the library
        async with Engine(sys.argv[2]):
            pass
    asyncio.run(load_everything())
    os.setuid(65534)  # to whom a file can be closed
asyncio.run(play())
"""


@pytest.fixture
def everybodys_folder() -> Iterator[Path]:
    """A folder that every user can enter, which those for tests are not."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
        Path(name).chmod(0o700)


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_read_only_place_is_named(everybodys_folder: Path, tmp_path: Path, closed: str) -> None:
    """Where this user may not write, the error says so, for a file and for a folder."""
    path = everybodys_folder / "state.db"
    make(path)
    path.chmod(0o444 if closed == "file" else 0o666)
    everybodys_folder.chmod(0o777 if closed == "file" else 0o555)
    command = [sys.executable, "-c", READ_ONLY, str(path), str(tmp_path / "other.db")]
    output = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert output.stdout.startswith("store_read_only False let this user write"), output


# -- a store that is taken -----------------------------------------------------------------------------------------

HOLDER = """
import asyncio, sys
from accordant import Engine
async def play():
    async with Engine(sys.argv[1]) as engine:
        print(engine.holder, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
asyncio.run(play())
"""


def test_a_store_that_another_process_holds_is_refused(tmp_path: Path) -> None:
    """The second engine hears who holds it; when that one is gone it opens at once (W11, I3)."""
    path = tmp_path / "state.db"

    async def play(holder: str) -> None:
        with pytest.raises(NoAuthority) as refused:
            async with Engine(path):
                pass
        assert refused.value.fields["holder"] == holder
        assert refused.value.retryable

    async def open_now() -> None:
        async with Engine(path) as engine:
            await engine.open(Books, PLACE, "ledger", agent="one")

    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        asyncio.run(play(process.stdout.readline().strip()))
        process.kill()
        process.wait(10)
        asyncio.run(open_now())


def test_two_engines_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    """A second engine on the same file in the same process is refused, too."""

    async def play() -> None:
        async with Engine(tmp_path / "state.db") as first:
            with pytest.raises(NoAuthority) as refused:
                async with Engine(tmp_path / "state.db"):
                    pass
            assert refused.value.fields["holder"] == first.holder
            assert str(os.getpid()) in first.holder

    asyncio.run(play())
