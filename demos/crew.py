"""The overnight crew: three scripted agents share one brief, and the things that once went wrong cannot, or are found.

    python demos/crew.py [STORE]

A web agent crawls 200 pages, a docs agent reads 80 internal papers, a synthesizer writes the brief. Nobody's open questions
are overwritten; nothing is counted twice or lost; a conclusion drawn from findings that have moved on is denied; a number that
no agent ever surfaced is traced to the one who made it up; and a number that was in the brief for one moment, and that nobody
finds there any more, is traced to its write, its author and the reader who saw it, taken back, and its reader told. Every outcome
is asserted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from accordant import (
    Counter,
    Denied,
    Document,
    Engine,
    Guarded,
    Invalid,
    Invalidated,
    Log,
    Namespace,
    StaleRead,
    Text,
    UnionSet,
    region,
)

PAGES, PAPERS = 200, 80
INVENTED, PHANTOM, AUDITED = "7.7%", "4.1%", "1.4%"
WEB_QUESTIONS = {"Which competitor cut prices?", "Is the analyst's figure audited?"}
DOCS_QUESTIONS = {"Who signs off the forecast?", "Why did the pilot stop in May?", "Is the analyst's figure audited?"}


class Brief(Document):
    """What the crew shares, each region with the rule by which concurrent writes meet."""

    status: Guarded[str] = region(default="collecting")
    findings: Log[str]
    open_questions: UnionSet[str]
    sources_read: Counter
    draft: Text
    conclusions: Log[str] = region(writers="synthesizer")


@dataclass
class Crew:
    """Everybody's handle on the one brief."""

    web: Brief
    docs: Brief
    synthesizer: Brief


async def crawl(brief: Brief) -> None:
    """200 pages, a finding on every tenth."""
    for page in range(PAGES):
        await brief.sources_read.increment()
        if page % 10 == 0:
            await brief.findings.append(f"Page {page} names a competitor", why="crawl")
    await brief.open_questions.add(*WEB_QUESTIONS, why="unanswered after the crawl")


async def read_papers(brief: Brief) -> None:
    """80 papers, a finding on every eighth, its questions early on."""
    await brief.open_questions.add(*DOCS_QUESTIONS, why="unanswered in the papers")
    for paper in range(PAPERS):
        await brief.sources_read.increment()
        if paper % 8 == 0:
            await brief.findings.append(f"Paper {paper} describes the pilot", why="reading")


async def questions_survive(crew: Crew) -> str:
    """The web agent tries to put its own list in the place of everybody's."""
    try:
        crew.web.open_questions = WEB_QUESTIONS  # type: ignore[assignment]
    except Invalid as refused:
        reason = refused.code
    else:
        raise AssertionError("a region could be assigned")
    found = (await crew.synthesizer.open_questions.read()).value
    assert found == WEB_QUESTIONS | DOCS_QUESTIONS, found
    return f"open questions: all {len(found)} are there; replacing the list was refused ({reason})"


async def nothing_is_lost(crew: Crew) -> str:
    """Every increment and every append of two agents that wrote at once."""
    read = (await crew.synthesizer.sources_read.read()).value
    findings = (await crew.synthesizer.findings.read()).entries
    by_author = {name: sum(item.by == name for item in findings) for name in ("web", "docs")}
    assert read == PAGES + PAPERS, read
    assert by_author == {"web": PAGES // 10, "docs": PAPERS // 8}, by_author
    return f"sources read: {read}; findings: {by_author['web']} by web, {by_author['docs']} by docs"


async def stale_conclusions_are_denied(crew: Crew) -> str:
    """The synthesizer thinks for long; meanwhile a finding comes in; its conclusion does not land until it has read that."""
    basis = await crew.synthesizer.findings.read()
    await crew.docs.findings.append("The pilot resumed in June.", why="a late paper")
    text = "The pilot is still stopped."
    try:
        await crew.synthesizer.conclusions.append(text, derived_from=[basis])
    except StaleRead as stale:
        named = stale.fields["stale"][0]
    else:
        raise AssertionError("a conclusion from old findings landed")
    assert named["changed_by"] == "docs", named
    fresh = await crew.synthesizer.findings.read()
    await crew.synthesizer.conclusions.append("The pilot resumed in June.", why="read again", derived_from=[fresh])
    assert (await crew.web.conclusions.read()).value == ["The pilot resumed in June."]
    read, now = f"{named['path']} v{named['yours']}", f"v{named['current']}"
    return f"a conclusion drawn from {read} was denied: {named['changed_by']} had written {now}"


async def conclusions_have_one_writer(crew: Crew) -> str:
    """Nobody else writes conclusions, whatever they believe their job to be."""
    try:
        await crew.web.conclusions.append("The market is ours.")
    except Denied as denied:
        return f"conclusions: {denied.message}"
    raise AssertionError("web wrote a conclusion")


async def the_invented_number_is_traced(crew: Crew) -> str:
    """The brief cites churn "that the docs agent surfaced". The log says who wrote that number first, having read what."""
    basis = await crew.synthesizer.findings.read()
    claim = f"The docs agent found customer churn of {INVENTED}."
    await crew.synthesizer.conclusions.append(claim, why="summary of the findings", derived_from=[basis])
    assert not any(INVENTED in item.value for item in basis.entries), "somebody did surface it"
    trace = await crew.docs.trace(INVENTED)
    [first] = trace.appearances
    assert (trace.is_complete, first.actor, first.read) == (True, "synthesizer", (("findings", basis.version),)), first
    read = ", ".join(f"{path} v{version}" for path, version in first.read)
    return (
        f"{INVENTED} appears first at v{first.since}, by {first.actor}, derived from {read}, which does not contain it"
    )


async def the_phantom_is_traced(crew: Crew) -> str:
    """An estimate stands in the draft for as long as it takes to look up the audited figure. A reader's snapshot falls between;
    the conclusion cites it, and names no source. In the morning the number is nowhere in the draft."""
    await crew.web.draft.append("Churn in Q3 was TBD.")
    written = await crew.web.draft.replace("TBD", PHANTOM, why="first estimate")
    held = await crew.synthesizer.snapshot()
    corrected = await crew.docs.draft.replace(PHANTOM, AUDITED, why="the audited figure")
    await crew.synthesizer.conclusions.append(f"Churn was {PHANTOM}.", why="from the draft")
    assert PHANTOM not in (await crew.web.draft.read()).value
    trace = await crew.docs.trace(PHANTOM)
    there = next(one for one in trace.appearances if one.path == "draft")
    assert (there.since, there.until, there.actor) == (written.version, corrected.version, "web"), there
    assert ("synthesizer", held.version, "snapshot") in there.readers, there
    try:
        await crew.synthesizer.conclusions.append(f"Churn was {PHANTOM}.", derived_from=[held["draft"]])
    except StaleRead as stale:
        named = stale.fields["stale"][0]
    else:
        raise AssertionError("a conclusion that named the old draft landed")
    assert named["changed_by"] == "docs", named
    return (
        f"{PHANTOM} stood in the draft from v{there.since} by {there.actor} until v{there.until} by docs; {held.agent} "
        f"had it in a snapshot of v{held.version}; had the conclusion named that snapshot, it would have been denied"
    )


async def its_reader_is_told(crew: Crew) -> str:
    """Its author takes the estimate back: an entry, not an erasure; whoever had read it is told, and nobody else."""
    trace = await crew.docs.trace(PHANTOM)
    there = next(one for one in trace.appearances if one.path == "draft")
    told, untold = crew.synthesizer.events(kinds="invalidated"), crew.docs.events(kinds="invalidated")
    retraction = await crew.web.retract(there.ref, why="never audited")
    event = await anext(told)
    assert isinstance(event, Invalidated), event
    assert (event.ref, event.readers) == (there.ref, retraction.readers[retraction.ref]), event
    assert event.readers == ("synthesizer",), event
    try:
        raise AssertionError(await asyncio.wait_for(anext(untold), 0.2))
    except TimeoutError:
        pass
    await told.aclose()
    await untold.aclose()
    return f"{event.actor} took {event.ref} back ({event.why}): told was {', '.join(event.readers)}"


async def overnight(store: Path) -> list[str]:
    """The whole night; returns what it showed."""
    async with Engine(store) as engine:
        task = Namespace.task("acme", "quarter")
        handles = [await engine.open(Brief, task, "brief", agent=name) for name in ("web", "docs", "synthesizer")]
        crew = Crew(*handles)
        await asyncio.gather(crawl(crew.web), read_papers(crew.docs))
        await crew.synthesizer.status.update(lambda _: "writing", why="the readers are done")
        return [
            await questions_survive(crew),
            await nothing_is_lost(crew),
            await stale_conclusions_are_denied(crew),
            await conclusions_have_one_writer(crew),
            await the_invented_number_is_traced(crew),
            await the_phantom_is_traced(crew),
            await its_reader_is_told(crew),
        ]


def main() -> None:
    """Play it in the named store, or in one that goes away."""
    with tempfile.TemporaryDirectory(prefix="accordant-crew-") as folder:
        store = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "crew.db"
        for line in asyncio.run(overnight(store)):
            print(f"✓ {line}")


if __name__ == "__main__":
    main()
