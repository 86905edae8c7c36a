"""Which scenes there are, in which order and part. Each stands alone: it may be played without those before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from accordant.cli.demo import (
    appends,
    bare_map,
    blackboard,
    coherence,
    consolidation,
    guarded_field,
    handoff,
    late_writer,
    one_fact,
    open_questions,
    plain_dict,
    taken_back,
    two_puts,
)
from accordant.cli.demo.crew import Crew
from accordant.cli.demo.stage import Stage
from accordant.types.errors import Invalid

__all__ = ["SCENES", "Scene", "chosen"]

ELSEWHERE = "What is lost elsewhere"
HERE = "What happens here: one document, four agents"
PATTERNS = "Patterns: the shapes that shared memory takes"


@dataclass(frozen=True, slots=True)
class Scene:
    """`name`: what `--scene` takes."""

    name: str
    part: str
    title: str
    play: Callable[[Stage, Crew], Awaitable[None]]


SCENES = (
    Scene("dict", ELSEWHERE, plain_dict.TITLE, plain_dict.play),
    Scene("map", ELSEWHERE, bare_map.TITLE, bare_map.play),
    Scene("guarded", HERE, guarded_field.TITLE, guarded_field.play),
    Scene("late", HERE, late_writer.TITLE, late_writer.play),
    Scene("set", HERE, open_questions.TITLE, open_questions.play),
    Scene("log", HERE, appends.TITLE, appends.play),
    Scene("contradiction", HERE, coherence.TITLE, coherence.play),
    Scene("retraction", HERE, taken_back.TITLE, taken_back.play),
    Scene("channel", PATTERNS, handoff.TITLE, handoff.play),
    Scene("block", PATTERNS, consolidation.TITLE, consolidation.play),
    Scene("store", PATTERNS, two_puts.TITLE, two_puts.play),
    Scene("board", PATTERNS, blackboard.TITLE, blackboard.play),
    Scene("corpus", PATTERNS, one_fact.TITLE, one_fact.play),
)


def chosen(names: list[str]) -> tuple[Scene, ...]:
    """The scenes of these names, in the order of the story; all when none is named. Raises `Invalid`."""
    known = [scene.name for scene in SCENES]
    for name in names:
        if name not in known:
            raise Invalid(f"there is no scene {name!r}", code="unknown_scene", hint=f"one of: {', '.join(known)}")
    return tuple(scene for scene in SCENES if not names or scene.name in names)
