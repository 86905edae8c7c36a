"""Scene: a list that one agent once replaced with its own. As a union set, it has no operation that could."""

from __future__ import annotations

import asyncio

from accordant.cli.demo.crew import Crew
from accordant.cli.demo.stage import Stage
from accordant.types.errors import Invalid

__all__ = ["TITLE", "play"]

TITLE = "Open questions: a set that nobody can overwrite"
DOCS = ("Who owns the renewal?", "Which contract is signed?")
WEB = ("Is the price list current?", "Who owns the renewal?")


async def play(stage: Stage, crew: Crew) -> None:
    """Both add at the same time; nothing can be assigned."""
    docs, web = crew["docs"], crew["web"]
    await asyncio.gather(
        docs.open_questions.add(*DOCS, why="reading contracts"), web.open_questions.add(*WEB, why="reading pages")
    )
    await stage.step("docs", "adds its questions", f"{len(DOCS)}")
    await stage.step("web", "adds its own at the same moment", f"{len(WEB)}, one of them the same")
    try:
        web.open_questions = set(WEB)  # type: ignore[assignment]
    except Invalid as refused:
        await stage.step("web", "tries open_questions = {its own}", f"Invalid ({refused.code})", "bold red")
    else:
        stage.holds(False, "a region cannot be assigned")
    found = (await docs.open_questions.read()).value
    stage.holds(found == {*DOCS, *WEB}, "every addition is there, once")
    await stage.ends(f"{len(found)} questions, from both. There is no call that replaces the set.")
