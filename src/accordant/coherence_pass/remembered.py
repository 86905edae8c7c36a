"""What a checker remembers of one document from run to run: claims, vectors, verdicts. It changes no answer, only its cost.

Everything is keyed by content and good for one checker identity. Each run keeps what it used and forgets the rest, so memory is
that of the newest document. One state belongs to one document and one thread at a time.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from accordant.coherence_pass.claims import Claim, ClaimsRead
from accordant.coherence_pass.neighbours import Neighbourhood
from accordant.coherence_pass.rules import Mismatch

__all__ = ["CheckerState", "Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """What the last run had to do: statements read, texts embedded, pairs put to the rules, pairs put to the scorer."""

    read: int = 0
    embedded: int = 0
    judged: int = 0
    scored: int = 0


@dataclass(slots=True)
class CheckerState:
    """Hand the same one to every `Checker.run(..., previous=state)` on a document; a new one knows nothing."""

    work: Work = field(default_factory=Work)
    identity: Hashable = None
    claims: ClaimsRead = field(default_factory=ClaimsRead)
    neighbourhood: Neighbourhood = field(default_factory=Neighbourhood)
    numbers: dict[Hashable, int] = field(default_factory=dict)
    judged: dict[int, Mismatch | None] = field(default_factory=dict)
    doubts: dict[int, tuple[str, ...] | None] = field(default_factory=dict)
    scores: dict[tuple[str, str], float] = field(default_factory=dict)
    next_number: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known yet."""
        return self.identity is None

    def begin(self, identity: Hashable) -> bool:
        """For a run of this checker; what another one found is forgotten. Returns whether anything is known."""
        if self.identity == identity:
            return True
        self.claims, self.neighbourhood = ClaimsRead(), Neighbourhood()
        self.numbers, self.judged, self.doubts, self.scores = {}, {}, {}, {}
        self.identity = identity
        return False

    def number(self, claims: Sequence[Claim]) -> list[int]:
        """A number for all that a rule may read of a claim: equal exactly for claims that are equal to the rules."""
        numbers: dict[Hashable, int] = {}
        for claim in claims:
            content = _content(claim)
            if content not in numbers:
                known = self.numbers.get(content)
                if known is None:
                    known, self.next_number = self.next_number, self.next_number + 1
                numbers[content] = known
        self.numbers = numbers
        return [numbers[_content(claim)] for claim in claims]


def _content(claim: Claim) -> Hashable:
    """Its place in the document, its version and its time are no part of what it says."""
    passage = claim.passage
    return (
        claim.text,
        claim.hash,
        claim.authors,
        claim.fact,
        passage.path,
        passage.heading,
        passage.ref is None,
        passage.is_prose,
    )
