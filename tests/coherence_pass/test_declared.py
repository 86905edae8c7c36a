"""What a schema declares: models that the present values no longer fit, and checks across regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, model_validator

from accordant import CoherencePass, Document, Engine, Guarded, GuardedMap, Incoherent, Log, Namespace, region
from accordant.coherence_pass import Checker, CheckerConfig, CoherenceReport, Suppression
from accordant.coherence_pass.declared import declared_findings
from worlds import in_loop


class Loose(BaseModel):
    """A booking as it was written first."""

    seats: int
    taken: int


class Strict(Loose):
    """A booking as it has to be now."""

    @model_validator(mode="after")
    def _fits(self) -> Strict:
        if self.taken > self.seats:
            raise ValueError("more taken than there are")
        return self


def sums_up(regions: Mapping[str, Any]) -> Incoherent | None:
    """The total is the sum of the parts."""
    total, parts = regions["total"], regions["parts"]
    if total is None or total == sum(parts.values()):
        return None
    paths = ("total", *(f"parts/{key}" for key in parts))
    return Incoherent(f"the total says {total}, the parts are {sum(parts.values())}", paths)


def fails(regions: Mapping[str, Any]) -> None:
    """A check with a fault."""
    regions["nothing"]


class Before(Document):
    """What was written under the loose model."""

    bookings: Log[Loose]


class After(Document):
    """The same document under the strict one."""

    bookings: Log[Strict]


class Budget(Document):
    """Two regions that must agree."""

    total: Guarded[int] = region(coherent=sums_up)
    parts: GuardedMap[int]


class Faulty(Document):
    """A check that fails."""

    total: Guarded[int] = region(coherent=[fails])


PLACE = Namespace.task("acme", "q3"), "brief"


@in_loop
async def test_a_value_that_no_longer_fits_its_model_is_found() -> None:
    """A cross-field validator that fails on what stands there is a finding that names the item and its author."""
    async with Engine() as engine:
        ann = await engine.open(Before, *PLACE, agent="ann")
        await ann.bookings.append(Loose(seats=5, taken=4))
        await ann.bookings.append(Loose(seats=5, taken=9))
        assert Checker().run(await ann.snapshot()).coherent
        outline = await ann.outline()
    [found] = declared_findings(outline, After.__schema__)
    assert "more taken than there are" in found.detail
    assert (found.a.path, found.a.authors, found.severity, found.kind) == (
        "bookings",
        ["ann"],
        "definite",
        "keyed_fact",
    )
    assert '"taken": 9' in found.a.text


@in_loop
async def test_a_check_across_regions_is_a_finding_until_it_holds() -> None:
    """Two fields that disagree are reported with both authors, by a checker and by a pass, and no longer once they agree."""
    async with Engine() as engine:
        ann = await engine.open(Budget, *PLACE, agent="ann")
        bob = await engine.open(Budget, *PLACE, agent="bob")
        await ann.total.commit(10, expect=await ann.total.read())
        await bob.parts.commit("rent", 7, expect=await bob.parts.read("rent"))
        report: CoherenceReport = Checker().run(await ann.snapshot())
        [found] = report.contradictions
        assert found.detail == "the total says 10, the parts are 7"
        assert (found.a.path, found.b.path, found.cross_author) == ("total", "parts/rent", True)
        assert (found.a.authors, found.b.authors) == (["ann"], ["bob"])
        async with CoherencePass(bob) as runner:
            assert [one.id for one in (await runner.run_once()).contradictions] == [found.id]
        settled = CheckerConfig(suppressed=(Suppression(found.id, "accepted"),))
        silent = Checker(settled).run(await ann.snapshot())
        assert (silent.coherent, silent.n_suppressed) == (True, 1)
        await bob.parts.commit("rent", 10, expect=await bob.parts.read("rent"))
        assert Checker(settled).run(await ann.snapshot()).coherent
        await bob.parts.commit("food", 1, expect=await bob.parts.read("food"))
        [again] = Checker(settled).run(await ann.snapshot()).contradictions
        assert again.id != found.id


@in_loop
async def test_a_check_that_fails_breaks_nothing() -> None:
    """An exception in a check is listed as possible with its text; the rest of the pass goes on."""
    async with Engine() as engine:
        ann = await engine.open(Faulty, *PLACE, agent="ann")
        await ann.total.commit(10, expect=await ann.total.read())
        report = Checker().run(await ann.snapshot())
    assert report.coherent
    [found] = report.possible
    assert "could not be checked: KeyError" in found.detail
