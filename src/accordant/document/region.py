"""What all regions share: a thin face over the port. It turns Python values into writes and answers into readings.

It holds no state of the document and decides nothing. `why=` on every write is kept in the audit; `derived_from=` names
the readings a write was derived from, all of which must still be current (I5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from accordant.document.batch import in_batch
from accordant.document.port import HistoryQuery, Port
from accordant.types.commands import Committed, Question, ReadAnswer, Submission, Write
from accordant.types.entries import Entry
from accordant.types.errors import Conflict, Invalid
from accordant.types.namespaces import DocumentKey
from accordant.types.readings import CURRENT, Reading, Readings, Token, bases_of, basis_of
from accordant.types.regions import Kind, RegionSpec

__all__ = ["Region", "expected"]


class Region:
    """What all regions share: a name, a kind, rules, and `read()`.

    `read(at_least=version)` waits, at most half a minute, until the document has reached that version. A handle over a websocket
    remembers what it has read and serves it again only when the authority says that its version is still the current one;
    `cached=False` has it sent whole.
    """

    kind: ClassVar[Kind]
    __slots__ = ("_port", "spec")

    def __init__(self, port: Port, spec: RegionSpec) -> None:
        self._port = port
        self.spec = spec

    @property
    def name(self) -> str:
        """The region's name: the Yjs root's name for mergeable regions."""
        return self.spec.name

    @property
    def document(self) -> DocumentKey:
        """The document that it is in."""
        return self._port.key

    @property
    def agent(self) -> str:
        """Under which name it is written from here."""
        return self._port.agent

    async def history(self, *, kind: str | None = None, before: int | None = None, limit: int = 100) -> Sequence[Entry]:
        """What happened here, newest first, as `doc.history` tells it."""
        return await self._port.history(HistoryQuery(self.name, None, kind, None, None, None, before, limit))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._port.key}#{self.name}>"

    async def _ask(self, key: str | None = None, at_least: int | None = None, cached: bool = True) -> ReadAnswer:
        return await self._port.ask(Question(self.name, self.kind, key, at_least, is_cached=cached))

    async def _submit(self, *writes: Write, why: str | None, derived_from: Readings = ()) -> Committed:
        submission = Submission(writes, self._port.new_op_id(), why, bases_of(derived_from))
        try:
            return await self._port.submit(in_batch(self._port, submission))
        except Conflict as conflict:
            raise self.fresh(conflict) from None

    def _write(self, op: str, key: str | None = None, expect: Token | None = None, **args: Any) -> Write:
        return Write(self.name, self.kind, op, key, args, expect)

    def _load(self, value: Any) -> Any:
        return self.spec.load(value)

    def _loaded(self, value: Any) -> Any:
        """A whole region's, or path's, JSON value as Python."""
        return self._load(value)

    def reading_of(self, answer: ReadAnswer, key: str | None = None) -> Reading[Any]:
        """What an answer about this region, or one key of it, says."""
        return self._read_as(answer, self._loaded(answer.value))

    def _read_as(self, answer: ReadAnswer, value: Any) -> Reading[Any]:
        marks, token = answer.marks or {}, answer.token
        status, because = marks.get(f"{answer.path}@{token.version}", (CURRENT, None))
        return Reading(
            value, token.version, token, answer.path, answer.by, answer.at, status=status, because=because, marks=marks
        )

    def fresh(self, conflict: Conflict) -> Conflict:
        """The conflict with its value as the region's type and a fresh reading to derive from."""
        token, path = conflict.fields.get("token"), conflict.fields.get("path", "")
        if token is None or not (path == self.name or path.startswith(f"{self.name}/")):
            return conflict
        fields = conflict.fields
        answer = ReadAnswer(
            fields.get("value"), Token.from_list(token), path, fields.get("changed_by"), fields.get("at")
        )
        reading = self.reading_of(answer)
        fields["reading"], fields["value"] = reading, reading.value
        return conflict


def expected(reading: Any, path: str) -> Token:
    """The token of the reading that a write replaces; it must be a reading of that very path."""
    basis = basis_of(reading)
    if basis.path != path:
        raise Invalid(f"expect= is a reading of {basis.path!r}, this writes {path!r}", code="wrong_reading", path=path)
    return basis.token
