"""Two threads, each with one connection that nobody else touches: the writer commits in groups, the reader only reads.

They carry jobs and must not know what a job does. Two rules bind a job: it raises an `AccordantError` only before
its first write, and it may be run a second time when the transaction it shared was rolled back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from accordant.engine.stores.contract import Compacted
from accordant.engine.stores.sqlite_database import Connection, SqlError, checkpoint_wal, translated
from accordant.types.errors import AccordantError, StoreError
from accordant.types.limits import BATCH_COMMITS_MAX, STORE_BUSY_S, WAL_PAGES_MAX

__all__ = ["Job", "ReaderThread", "WriterThread"]

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """Work for a connection, and what came of it: a value, or an error."""

    work: Callable[[Connection], T]
    future: asyncio.Future[T]
    value: T | None = None
    error: Exception | None = None

    def run(self, connection: Connection) -> None:
        """Do it. Errors that the job decided on are its outcome; any other one belongs to the transaction."""
        self.value, self.error = None, None
        try:
            self.value = self.work(connection)
        except (AccordantError, Compacted) as error:
            self.error = error

    def deliver(self) -> None:
        """Tell who waits, on the event loop. A waiter that was cancelled meanwhile learns nothing."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.value)  # type: ignore[arg-type]


class _ConnectionThread:
    """A thread that owns a connection, and its queue. `submit` from the loop; the thread ends at `stop`."""

    def __init__(self, name: str, path: str, connect: Callable[[], Connection]) -> None:
        self._path = path
        self._connect = connect
        self._connection: Connection | None = None
        self._jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._accepts = False
        # A daemon: a process that ends without `close` is a crash like any other, and the log is made for crashes.
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    async def start(self) -> None:
        """Begin, and connect; raises what connecting raised, and then the thread has ended."""
        self._loop = asyncio.get_running_loop()
        self._accepts = True
        self._thread.start()
        try:
            await self.submit(lambda connection: None)
        except BaseException:
            await self.stop()
            raise

    async def submit(self, work: Callable[[Connection], T]) -> T:
        """Have this done by the thread, after everything that was submitted before."""
        if not self._accepts:
            raise StoreError(f"the store {self._path!r} is not open", code="store_closed", landed=False, hint="open it")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(Job(work, future))
        return await future

    async def stop(self) -> None:
        """Finish what was submitted, close the connection, end the thread."""
        if self._accepts:
            self._accepts = False
            self._jobs.put(None)
        # Not join: it would hold up the loop that delivers the last results.
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        ends = False
        while not ends:
            group = [self._jobs.get()]
            try:
                while len(group) < self._group_max:
                    group.append(self._jobs.get_nowait())
            except Empty:
                pass
            jobs = [job for job in group if job is not None]
            ends = len(jobs) < len(group)
            if jobs:
                self._serve_group(jobs)
        if self._connection is not None:
            self._connection.close()

    _group_max = 1

    def _serve_group(self, jobs: list[Job[Any]]) -> None:
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._run(self._connection, jobs)
        except AccordantError as error:
            _fail(jobs, error)
        except (SqlError, UnicodeDecodeError) as error:
            _fail(jobs, translated(error, self._path, landed=False))
        except Exception as error:  # our own mistake: whoever waits has to hear of it, and the thread lives on
            _fail(jobs, error)
        self._deliver(jobs)

    def _run(self, connection: Connection, jobs: list[Job[Any]]) -> None:
        raise NotImplementedError

    def _deliver(self, jobs: Iterable[Job[Any]]) -> None:
        with suppress(RuntimeError):  # the loop has ended, and everybody who waited with it
            self._loop.call_soon_threadsafe(_deliver_all, list(jobs))

    def _roll_back(self, connection: Connection) -> None:
        """Undo; a connection that cannot even do that is replaced before the next group."""
        try:
            if connection.in_transaction:
                connection.execute("rollback")
        except SqlError:
            connection.close(True)
            self._connection = None


class ReaderThread(_ConnectionThread):
    """Reads, each in a snapshot of its own. Never writes and never checkpoints, so that it waits for no writer."""

    def _run(self, connection: Connection, jobs: list[Job[Any]]) -> None:
        for job in jobs:
            connection.execute("begin")
            try:
                job.run(connection)
            finally:
                self._roll_back(connection)


class WriterThread(_ConnectionThread):
    """Writes: everything that waits goes into one transaction, with one durability wait and one wake-up of the loop."""

    _group_max = BATCH_COMMITS_MAX
    _wal_pages = 0

    def __init__(self, name: str, path: str, connect: Callable[[], Connection]) -> None:
        super().__init__(name, path, connect)
        self._turn = threading.Lock()
        """Held by whoever uses the connection."""
        self._submitted = 0
        """Jobs without their answer: counted on the loop alone, so that nothing overtakes them."""

    async def submit(self, work: Callable[[Connection], T]) -> T:
        """Have this done by the thread, after everything that was submitted before."""
        self._submitted += 1
        try:
            return await super().submit(work)
        finally:
            self._submitted -= 1

    def at_once(self, work: Callable[[Connection], T]) -> Job[T] | None:
        """Do this here and now when nothing is under way and nobody is in the way; None, and nothing has happened, otherwise.

        For the loop, and for little work that waits for no disk: waking the thread and being woken by it costs more than that.
        """
        is_idle = self._accepts and not self._submitted and self._jobs.empty()
        if not is_idle or not self._turn.acquire(blocking=False):
            return None
        try:
            return self._done_here(work)
        finally:
            self._turn.release()
            if self._wal_pages >= WAL_PAGES_MAX:
                self._jobs.put(Job(lambda _: None, self._loop.create_future()))  # the thread checkpoints behind it

    def _done_here(self, work: Callable[[Connection], T]) -> Job[T] | None:
        connection = self._connection
        if connection is None:
            return None
        job = Job(work, self._loop.create_future())
        connection.set_busy_timeout(0)  # the thread may wait for another process, the loop may not
        try:
            self._transact(connection, [job])
        except (SqlError, UnicodeDecodeError):
            return None  # rolled back: the thread tries again, and says what is wrong
        finally:
            if self._connection is not None:
                connection.set_busy_timeout(int(STORE_BUSY_S * 1000))
        return job

    def _serve_group(self, jobs: list[Job[Any]]) -> None:
        with self._turn:
            super()._serve_group(jobs)
            # After the answers are out: nobody who is waiting now pays for it.
            if self._wal_pages >= WAL_PAGES_MAX and self._connection is not None and checkpoint_wal(self._connection):
                self._wal_pages = 0

    def _run(self, connection: Connection, jobs: list[Job[Any]]) -> None:
        connection.set_wal_hook(self._wal_grew)
        try:
            self._transact(connection, jobs)
        except Exception as error:
            if len(jobs) == 1 or isinstance(error, AccordantError):
                raise
            # One job must not fail its neighbours: nothing has landed, so each gets a transaction of its own.
            for job in jobs:
                self._run_alone(job)

    def _run_alone(self, job: Job[Any]) -> None:
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._transact(self._connection, [job])
        except (SqlError, UnicodeDecodeError) as error:
            job.error = translated(error, self._path, landed=False)
        except Exception as error:
            job.error = error

    def _transact(self, connection: Connection, jobs: list[Job[Any]]) -> None:
        try:
            connection.execute("begin immediate")
            for job in jobs:
                job.run(connection)
        except Exception:
            self._roll_back(connection)
            raise
        try:
            connection.execute("commit")
        except SqlError as error:
            self._roll_back(connection)
            raise translated(error, self._path, landed=None) from error

    def _wal_grew(self, connection: Connection, name: str, pages: int) -> int:
        self._wal_pages = pages
        return 0


def _fail(jobs: Iterable[Job[Any]], error: Exception) -> None:
    for job in jobs:
        # Each is raised in a task of its own and grows a traceback there; only ours are known to copy well.
        job.error = copy(error) if isinstance(error, AccordantError) else error


def _deliver_all(jobs: list[Job[Any]]) -> None:
    for job in jobs:
        job.deliver()
