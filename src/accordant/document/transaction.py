"""A port that collects: what is submitted through it lands in one entry at the end, or not at all."""

from __future__ import annotations

from accordant.document.batch import in_batch
from accordant.document.forwarding import ForwardingPort
from accordant.document.port import Port
from accordant.types.commands import Committed, Question, ReadAnswer, Submission, Write
from accordant.types.errors import Invalid
from accordant.types.readings import Basis, Readings, Token, bases_of
from accordant.types.regions import Kind

__all__ = ["TransactionPort"]


class TransactionPort(ForwardingPort):
    """One transaction in the making. It answers each write with a placeholder whose version is not known yet (0), and reads with
    what is committed: not with what it has collected."""

    def __init__(self, port: Port, why: str | None, derived_from: Readings) -> None:
        super().__init__(port)
        self._why = why
        self._bases: list[Basis] = list(bases_of(derived_from))
        self._writes: list[Write] = []
        self._landed: Committed | None = None

    @property
    def version(self) -> int:
        """The version that landed; before the end of the block, the newest that is known."""
        return self._port.version if self._landed is None else self._landed.version

    async def turn(self, question: Question) -> ReadAnswer:
        """A transaction does not stand in line: it lands at its end."""
        return await self._port.ask(question)

    async def submit(self, submission: Submission) -> Committed:
        """Collect the writes."""
        if self._landed is not None:
            raise Invalid("this transaction has landed already", code="transaction_over")
        self._writes.extend(submission.writes)
        self._bases.extend(submission.derived_from)
        if submission.why is not None:
            self._why = submission.why if self._why is None else f"{self._why}; {submission.why}"
        refs = tuple(tuple(f"{write.region}@0.0" for _ in write.args.get("items", ())) for write in submission.writes)
        answers = tuple(self._pending(write) for write in submission.writes)
        return Committed(0, refs, answers=answers)

    def _pending(self, write: Write) -> ReadAnswer | None:
        if not write.kind.is_guarded:
            return None
        expect = write.expect or Token(0, "", 0, 0)
        return ReadAnswer(write.args.get("value"), expect, write.path, self.agent)

    def kind_of(self, region: str) -> Kind | None:
        """As what it writes a region; None when it does not."""
        return next((write.kind for write in self._writes if write.region == region), None)

    async def land(self) -> None:
        """Submit what was collected, once."""
        if self._writes:
            submission = Submission(tuple(self._writes), self.new_op_id(), self._why, tuple(self._bases))
            self._landed = await self._port.submit(in_batch(self._port, submission))
