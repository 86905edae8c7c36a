"""Short ways to build documents for the tests of the coherence pass: entries by named agents, and one checked pair."""

from __future__ import annotations

from accordant.coherence_pass import Checker, CheckerConfig, CoherenceReport, Passage
from accordant.coherence_pass.claims import Claim, claims_of
from accordant.coherence_pass.reading import Reading, read_statement
from accordant.coherence_pass.words import plain

AGENTS = ("ann", "bob", "cleo", "dan")


def entry(text: str, number: int = 1, *, author: str | None = None, heading: tuple[str, ...] = ()) -> Passage:
    """A log entry; its author follows from its number."""
    by = author or AGENTS[(number - 1) % len(AGENTS)]
    return Passage("log", f"log/{number}", text, (by,), number, ref=f"r{number}", at=1_000 * number, heading=heading)


def check(*texts: str, config: CheckerConfig | None = None) -> CoherenceReport:
    """The report on a log with these entries, each by the next agent."""
    passages = [entry(text, number) for number, text in enumerate(texts, start=1)]
    return Checker(config).run(passages, document_id="acme/task/q3/brief", version=len(texts), now=5_000)


def claims(*texts: str) -> tuple[Claim, ...]:
    """The claims of a log with these entries."""
    return claims_of([entry(text, number) for number, text in enumerate(texts, start=1)]).claims


def reading(text: str) -> Reading:
    """One statement, read."""
    return read_statement(plain(text))
