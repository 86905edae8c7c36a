"""One document on virtual time: the pure machine, a list that stands for the durable log, and nothing else.

A command goes in, what it persists is appended to the log as text, and the reply comes out. A crash, a failed append or a
restored copy is then only a matter of which part of the log the next machine is folded from.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from accordant.engine.commands import Ask as AskCommand
from accordant.engine.commands import Command, Declare, FenceAgent, Join, Joined, Leave, Submit
from accordant.engine.machine import Machine
from accordant.engine.state import DocumentState
from accordant.types.commands import Question, ReadAnswer, Submission, Write
from accordant.types.entries import Entry, entry_from, header_json
from accordant.types.limits import AUTHORITY_ID_MIN
from accordant.types.readings import Token
from accordant.types.regions import Kind, Schema

START_MS = 1_800_000_000_000


class World:
    """The document, its log and its clock. `machine_class` is what decides: the product's machine, or a broken one."""

    def __init__(self, schema: Schema, machine_class: type[Machine] = Machine) -> None:
        self.now = START_MS
        self.log: list[tuple[str, bytes | None]] = []
        self._schema = schema
        self._machine_class = machine_class
        self._epoch = AUTHORITY_ID_MIN
        self._ids = 0
        self.machine = self._begin()

    # -- commands ---------------------------------------------------------------------------------------------

    def do(self, command: Command) -> Any:
        """The reply, once what the command persists is in the log. Errors are returned, not raised."""
        effects = self.machine.handle(command, self.now)
        for commit in effects.persist:
            self._keep(commit.entry)
        return effects.reply

    def do_and_lose(self, command: Command) -> None:
        """The append of this command fails: nobody hears the reply, and the live state is rebuilt from the log."""
        self.machine.handle(command, self.now)
        previous, self.machine = self.machine, self._fold()
        self.machine.adopt(previous)

    def join(self, agent: str, lease_ms: int | None = None, shared: bool = False) -> Joined:
        """A session of this agent."""
        joined: Joined = self.do(Join(self.new_id(), agent, lease_ms=lease_ms, shared=shared))
        return joined

    def leave(self, session: str) -> None:
        """End a session."""
        self.do(Leave(session))

    def fence(self, agent: str) -> int:
        """End every session of an agent."""
        ended: int = self.do(FenceAgent(agent, "test"))
        return ended

    def read(self, session: str, region: str, kind: Kind, key: str | None = None) -> ReadAnswer | Exception:
        """What a session reads, or the error that it is told."""
        answer: ReadAnswer | Exception = self.do(AskCommand(session, Question(region, kind, key)))
        return answer

    def submit(self, session: str, *writes: Write, op_id: str | None = None) -> Any:
        """What a session is answered."""
        return self.do(Submit(session, Submission(writes, op_id or self.new_id())))

    def new_id(self) -> str:
        """An id that was never given before."""
        self._ids += 1
        return f"id-{self._ids}"

    # -- disasters --------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """The authority dies and another takes over: a new epoch on the same log, no sessions."""
        self.machine = self._begin()

    def restore(self, entries: int) -> None:
        """An older copy of the store is put in place: its log ends after so many entries."""
        self.log = self.log[:entries]
        self.restart()

    def entries(self) -> list[Entry]:
        """The log as a reader gets it."""
        return [entry_from(offset, header, update, b"") for offset, (header, update) in enumerate(self.log, 1)]

    def _begin(self) -> Machine:
        self._epoch += 1
        self.machine = self._fold()
        for commit in self.machine.take_over(self.now, "test").persist:
            self._keep(commit.entry)
        self.do(Declare(self._schema, "test", trusted=True))
        return self.machine

    def _fold(self) -> Machine:
        state = DocumentState(self._epoch)
        for entry in self.entries():
            state.fold(entry)
        return self._machine_class(state, self._epoch, "one-life")

    def _keep(self, entry: Entry) -> None:
        if entry.offset != len(self.log) + 1:
            raise AssertionError(f"entry {entry.offset} was persisted after {len(self.log)}")
        self.log.append((header_json(entry), entry.update))


def commit_write(region: str, value: Any, expect: Token, key: str | None = None) -> Write:
    """A compare-and-swap."""
    return Write(region, _kind(key), "commit", key, {"value": value}, expect)


def delete_write(region: str, expect: Token, key: str | None = None) -> Write:
    """A delete that names what it read."""
    return Write(region, _kind(key), "delete", key, {}, expect)


def claim_write(region: str, key: str, ttl_s: float, op: str = "claim", expect: Token | None = None) -> Write:
    """Claim, renew or release a key."""
    args = {} if op == "release" else {"ttl_s": ttl_s}
    return Write(region, Kind.GUARDED_MAP, op, key, args, expect)


def aged(token: Token, **changes: Any) -> Token:
    """The token with other fields."""
    return replace(token, **changes)


def _kind(key: str | None) -> Kind:
    return Kind.GUARDED if key is None else Kind.GUARDED_MAP
