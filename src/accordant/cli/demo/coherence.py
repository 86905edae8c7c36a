"""Scene: what the merge cannot see. Two agents append two statements that exclude each other; both land, and are flagged."""

from __future__ import annotations

import time

from accordant.cli.check import report_on_document
from accordant.cli.demo.crew import DOCUMENT, Crew
from accordant.cli.demo.stage import Stage

__all__ = ["TITLE", "play"]

TITLE = "What the merge cannot see: a contradiction"
WEB = "Customer churn in the third quarter was 4.1%."
DOCS = "Customer churn in the third quarter was 5.3%."


async def play(stage: Stage, crew: Crew) -> None:
    """Nothing conflicts as data, and yet not both can be true."""
    web, docs = crew["web"], crew["docs"]
    await web.findings.append(WEB, why="press release")
    await stage.step("web", f"appends: {WEB}")
    seen = await docs.account.read()
    await docs.findings.append(DOCS, why="internal report", derived_from=[seen])
    await stage.step("docs", f"appends: {DOCS}", f"derived from account v{seen.version}")
    await stage.step("crew", "both merged without a conflict; now check reads the document")
    report = await report_on_document(crew.engine.store, DOCUMENT.path, int(time.time() * 1000))
    stage.holds(len(report.contradictions) == 1, "the planted contradiction is found, and nothing else")
    found = report.contradictions[0]
    stage.holds({*found.a.authors, *found.b.authors} == {"web", "docs"}, "both authors are named")
    stage.holds(("account", seen.version) in (*found.a.read, *found.b.read), "what an author had read is named")
    for side in (found.a, found.b):
        read = ", ".join(f"{path} v{version}" for path, version in side.read)
        await stage.step(
            "check",
            f"{side.text}",
            f"{', '.join(side.authors)} at v{side.version}" + (f", having read {read}" if read else ""),
        )
    stage.holds((await docs.findings.read()).value[-2:] == [WEB, DOCS], "the pass changes nothing")
    await stage.ends(f"{found.detail}: flagged with both authors and versions. Nobody was blocked.")
