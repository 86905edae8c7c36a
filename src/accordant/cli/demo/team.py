"""What the scenes of the patterns are played on: one document of the same namespace, with a pattern or a field in each place."""

from __future__ import annotations

from typing import Any

from accordant.cli.demo.crew import NAMESPACE, Crew
from accordant.document.document import Document
from accordant.document.regions import Guarded
from accordant.document.rules import region
from accordant.patterns.block import Block, block
from accordant.patterns.channel import Channel, channel
from accordant.patterns.corpus import Corpus, corpus
from accordant.patterns.store import Store, store

__all__ = ["Team", "member"]


class Team(Document):
    """The corpus compares by words alone, so that the demo plays the same with and without the extra `semantic`."""

    plan: Guarded[str] = region(writers="lead")
    handoffs: Channel[str] = channel(supervisor="lead")
    memory: Block = block(owner="role:curator")
    profiles: Store[dict[str, Any]] = store()
    knowledge: Corpus = corpus(embedder=None, scorer=None)


async def member(crew: Crew, name: str, *roles: str) -> Team:
    """The team's document under this name, opened once."""
    found = crew.others.get(("team", name))
    if not isinstance(found, Team):
        found = await crew.engine.open(Team, NAMESPACE, "team", agent=name, roles=roles)
        crew.others["team", name] = found
    return found
