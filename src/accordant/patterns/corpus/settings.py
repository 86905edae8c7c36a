"""How a corpus is set up: `knowledge: Corpus = corpus(threshold=0.94)`, and the regions that follow from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from accordant.coherence_pass.verdicts import Scorer
from accordant.document.pattern import Settings
from accordant.patterns.corpus.embedding import Embedder, own_embedder, own_scorer
from accordant.patterns.corpus.narration import narration
from accordant.patterns.corpus.personal_data import personal_data
from accordant.patterns.corpus.specificity import specificity
from accordant.patterns.corpus.values import Entry, Tally
from accordant.types.errors import SchemaError
from accordant.types.regions import Kind, RegionSpec, Rules

__all__ = ["STAGES", "CorpusSettings", "Stage", "corpus", "specs_of"]

Stage = Callable[[str], str | None]
"""A stage of the gate: a function whose name is the stage's. It gets the text, and answers why it may not be kept, or None."""

STAGES: Final[tuple[Stage, ...]] = (personal_data, narration, specificity)
"""What every text passes before anything is compared, in this order. After them come `embedding` and `neighbourhood`."""

_BUILT_IN: Final = frozenset({"embedding", "neighbourhood"})


@dataclass(frozen=True, slots=True)
class CorpusSettings(Settings):
    """See `corpus`."""

    threshold: float = 0.94
    stages: tuple[Stage, ...] = STAGES
    embedder: Embedder | Literal["own"] | None = "own"
    scorer: Scorer | Literal["own"] | None = "own"
    curators: tuple[str, ...] = ("role:curator",)
    clock: Callable[[], float] = field(default=time.time)

    def the_embedder(self) -> Embedder | None:
        """The one that is meant; None: texts are compared by their words."""
        return own_embedder() if self.embedder == "own" else self.embedder

    def the_scorer(self) -> Scorer | None:
        """The learned verdict that is meant; None: other words are another statement."""
        return own_scorer() if self.scorer == "own" else self.scorer


def corpus(
    *,
    threshold: float = 0.94,
    stages: Iterable[Stage] = STAGES,
    embedder: Embedder | Literal["own"] | None = "own",
    scorer: Scorer | Literal["own"] | None = "own",
    curators: str | Iterable[str] = "role:curator",
    clock: Callable[[], float] = time.time,
) -> Any:
    """How a corpus is set up: assigned beside its annotation.

    `threshold`: above this cosine two texts are near enough to be one entry, if nothing speaks against it. `stages`: functions
    `text -> reason or None`, cheap ones first; those that ship are `STAGES`. `embedder`: an `Embedder`; "own": the one that
    ships, where its extra `semantic` is installed; None: none. `scorer`: a `Scorer` of the coherence pass, or "own", or None.
    `curators`: agents or `"role:<role>"` that may collapse, and take back what others wrote. `clock`: seconds since 1970.
    Raises `SchemaError` for settings that make no sense."""
    chosen = tuple(stages)
    names = [getattr(stage, "__name__", "") for stage in chosen]
    if not 0 < threshold <= 1:
        raise SchemaError(f"a corpus' threshold is a cosine above 0, at most 1, not {threshold}")
    if not all(map(callable, chosen)) or not all(names) or len({*names}) < len(names) or _BUILT_IN & {*names}:
        raise SchemaError(
            "a corpus' stages are functions with names of their own, and none of them embedding or neighbourhood"
        )
    who = (curators,) if isinstance(curators, str) else tuple(curators)
    return CorpusSettings(threshold, chosen, embedder, scorer, who, clock)


def specs_of(name: str, settings: CorpusSettings) -> Sequence[RegionSpec]:
    """The two logs: what was contributed, and who counts it."""
    everybody = {"*": frozenset({"append"})}
    keepers = {who: frozenset({"append", "supersede", "retract"}) for who in settings.curators}
    gate = tuple(map(_validator, settings.stages))
    return (
        RegionSpec(name, Kind.LOG, Entry, Rules(allow=everybody | keepers, validators=gate)),
        RegionSpec(f"{name}_tally", Kind.LOG, Tally, Rules(allow=everybody, validators=gate)),
    )


def _validator(stage: Stage) -> Callable[[Any], Any]:
    """The stage as the gate of a region has it: the same verdict for whoever writes past the pattern."""

    def check(value: Any) -> None:
        for text in _texts(value, also_tags=stage is personal_data):
            reason = stage(text)
            if reason is not None:
                raise ValueError(reason)

    check.__name__ = stage.__name__
    return check


def _texts(value: Any, also_tags: bool) -> list[str]:
    if not isinstance(value, dict):
        return []
    shown = [value.get("text")]
    if also_tags:
        shown += [
            value.get("kind") if "tags" in value else None,
            value.get("origin"),
            value.get("op"),
            *value.get("tags", ()),
        ]
        shown += [link.get("why") for link in value.get("links", ()) if isinstance(link, dict)]
    return [one for one in shown if isinstance(one, str)]
