"""A corpus through its public face, in the process and over a websocket: what gets in, what is merged, what is counted."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accordant import (
    Conflict,
    Corpus,
    Denied,
    Document,
    Engine,
    Invalid,
    SchemaError,
    blocking,
    corpus,
)
from accordant.coherence_pass import Checker
from accordant.patterns.corpus import STAGES, Entry, Tally, personal_data
from accordant.types.pattern_limits import CORPUS_TEXT_CHARS_MAX
from corpora import PAIRS_APART, Calm, Chosen, Hive, facts, hive_with
from http_served import TASK
from minilm import needs_minilm
from served import served
from worlds import in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])
FACT = "The gateway listens on port 8080."


# -- the gate -----------------------------------------------------------------------------------------------------


@worlds
@in_loop
async def test_a_contribution_is_an_entry_with_its_author(kind: str, tmp_path: Path) -> None:
    """It is accepted once, with kind, tags and origin; the log knows who, when and why."""
    async with world(kind, tmp_path / "state.db") as w:
        ann = await w.open(Hive, "ann")
        verdict = await ann.knowledge.contribute(FACT, why="seen", tags=["net"], kind="fact", origin="acme/task/q3")
        assert (verdict.status, verdict.stage, verdict.checked, verdict.links) == (
            "accepted",
            "neighbourhood",
            True,
            (),
        )
        [known] = await ann.knowledge.entries()
        assert (known.ref, known.text, known.by, known.entry.tags) == (verdict.ref, FACT, "ann", ("net",))
        assert (known.entry.kind, known.entry.origin) == ("fact", "acme/task/q3")
        assert known.counts.contributors == {"ann": 1}
        assert (await ann.history("knowledge", kind="write"))[0].why == "seen"


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        ("personal_data", "I looked at it: write to jane.doe@example.com for the port"),
        ("narration", "I looked at it and then I ran it again"),
        ("specificity", "It works."),
        ("length", "The gateway listens on port 8080. " * 200),
    ],
)
@in_loop
async def test_each_stage_turns_away_what_is_its_own_in_order_and_nothing_is_embedded(stage: str, text: str) -> None:
    """The cheap stages come first: what they turn away reaches neither the embedder nor the log, and is counted."""
    embedder = Chosen()
    async with Engine() as engine:
        ann: Any = await engine.open(hive_with(embedder=embedder, scorer=Calm()), TASK, "hive", agent="ann")
        head = ann.version
        verdict = await ann.knowledge.contribute(text)
        assert (verdict.status, verdict.stage, verdict.ref) == ("rejected", stage, None)
        assert verdict.reason
        assert (embedder.embedded, ann.version) == ([], head)
        await ann.knowledge.contribute(FACT)
        await ann.knowledge.contribute(facts(1)[0])
        assert embedder.embedded
        counters = ann.knowledge.counters()
        assert counters[stage]["rejected"] == 1
        assert counters["neighbourhood"] == {"accepted": 2}
        assert counters["embedding"]["passed"] == 2
        assert counters["personal_data"]["passed"] == 2 + (stage in ("narration", "specificity"))


@in_loop
async def test_personal_data_is_kept_out_of_what_is_beside_the_text_too(tmp_path: Path) -> None:
    """Reasons, tags, kinds, origins and ops are written down as well; no file of the store holds the datum."""
    path = tmp_path / "state.db"
    async with Engine(path) as engine:
        ann = await engine.open(Hive, TASK, "hive", agent="ann")
        for beside in (
            {"why": "jane.doe@example.com told me"},
            {"tags": ["jane.doe@example.com"]},
            {"kind": "jane.doe@example.com"},
            {"origin": "jane.doe@example.com"},
            {"op_id": "jane.doe@example.com"},
        ):
            verdict = await ann.knowledge.contribute(FACT, **beside)  # type: ignore[arg-type]
            assert (verdict.status, verdict.stage) == ("rejected", "personal_data")
        with pytest.raises(Denied, match="e-mail") as denied:
            await ann.log("knowledge").append({"text": "write to jane.doe@example.com about port 8080", "tags": []})
        assert denied.value.code == "rejected_by:personal_data"
        with pytest.raises(Denied, match="e-mail"):
            await ann.log("knowledge").append({"text": FACT, "tags": [], "op": "jane.doe@example.com"})
        with pytest.raises(Denied, match="e-mail"):
            link = {"ref": "knowledge@1.0", "similarity": 0.9, "why": "not the same as jane.doe@example.com"}
            await ann.log("knowledge").append({"text": FACT, "tags": [], "links": [link]})
        first = await ann.knowledge.contribute(FACT)
        for counted in (ann.knowledge.cite, ann.knowledge.endorse):
            with pytest.raises(Denied, match="e-mail") as refused:
                await counted(first.ref, why="jane.doe@example.com says so")
            assert refused.value.code == "rejected_by:personal_data"
    files = await asyncio.to_thread(lambda: [file.read_bytes() for file in tmp_path.iterdir()])
    assert files
    assert not any(b"jane.doe" in data for data in files)


@in_loop
async def test_stages_can_be_chosen_and_added() -> None:
    """A stage is a function by name, in the order given; without stages everything gets in that fits."""

    def no_ports(text: str) -> str | None:
        return "no ports here" if "port" in text else None

    document = hive_with(stages=[personal_data, no_ports], embedder=None)
    async with Engine() as engine:
        ann: Any = await engine.open(document, TASK, "hive", agent="ann")
        assert (await ann.knowledge.contribute(FACT)).stage == "no_ports"
        assert (await ann.knowledge.contribute("It works.")).status == "accepted"
        assert set(ann.knowledge.counters()) == {"personal_data", "no_ports", "neighbourhood"}
        with pytest.raises(Denied, match="no ports here") as denied:
            await ann.log("knowledge").append({"text": FACT})
        assert denied.value.code == "rejected_by:no_ports"


@in_loop
async def test_past_the_pattern_the_same_gate_holds_over_http_and_for_replicas(tmp_path: Path) -> None:
    """Whoever appends to the log itself, over HTTP or as a handle that knows no schema, meets the same stages."""
    import httpx

    from accordant import connect

    async with Engine(tmp_path / "state.db") as engine:
        ann = await engine.open(Hive, TASK, "brief", agent="ann")
        async with served(engine) as url, httpx.AsyncClient(trust_env=False, headers={"X-Agent": "bob"}) as client:
            base = url.replace("ws://", "http://") + "/documents/acme/task/q3/brief/regions/knowledge"
            for text in ("mail jane.doe@example.com about the API", "I looked at it and then I ran it", "It works."):
                answer = await client.post(base, json={"items": [{"text": text}]})
                assert answer.status_code in (403, 422), answer.text
                assert answer.json()["code"].startswith("rejected_by:"), answer.text
            assert (await client.post(base, json={"items": [{"text": FACT}]})).status_code in (200, 201)
            async with connect(None, url, TASK, "brief", agent="carl") as carl:
                with pytest.raises(Denied, match="e-mail"):
                    await carl.log("knowledge").append({"text": "mail jane.doe@example.com about the API"})
                with pytest.raises(Invalid):
                    await carl.log("knowledge").append({"words": "no entry"})
                with pytest.raises(Invalid):
                    await carl.log("knowledge_tally").append({"ref": "knowledge@1.0", "kind": "praise"})
        assert [known.text for known in await ann.knowledge.entries()] == [FACT]


@worlds
@in_loop
async def test_entries_are_write_once(kind: str, tmp_path: Path) -> None:
    """There is no way to change one: compaction is denied, taking back is its author's and the curators', by a new entry."""
    async with world(kind, tmp_path / "state.db") as w:
        ann, bob = await w.open(Hive, "ann"), await w.open(Hive, "bob")
        curator = await w.open(Hive, "cora", roles={"curator"})
        ref = (await ann.knowledge.contribute(FACT)).ref
        with pytest.raises(Denied):
            await bob.log("knowledge").compact(lambda items: [])
        with pytest.raises(Denied):
            await bob.retract(ref)
        new = Entry(text="The gateway listens on port 9090 since June.")
        changed = await ann.supersede(ref, new, "moved")
        [known] = await bob.knowledge.entries()
        assert (known.text, known.ref) == (new.text, changed.replacement)
        old = await bob.knowledge.entry(ref)
        assert (old.status, old.because, old.text) == ("superseded", changed.replacement, FACT)
        await curator.retract(changed.replacement, "wrong")
        assert await bob.knowledge.entries() == []
        assert await bob.knowledge.search("gateway port") == []


# -- the neighbourhood --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cosine", "status"), [(0.9401, "merged"), (0.94, "accepted"), (0.9399, "accepted")])
@in_loop
async def test_the_threshold_is_strict(cosine: float, status: str) -> None:
    """Above it one entry with two contributors, at it and below it two entries; the similarity is told."""
    embedder = Chosen()
    near = "The gateway is listening on port 8080."
    embedder.place(near, cosine, FACT)
    async with Engine() as engine:
        document = hive_with(embedder=embedder, scorer=Calm())
        ann: Any = await engine.open(document, TASK, "hive", agent="ann")
        bob: Any = await engine.open(document, TASK, "hive", agent="bob")
        first = await ann.knowledge.contribute(FACT)
        verdict = await bob.knowledge.contribute(near)
        assert (verdict.status, verdict.similarity) == (status, cosine)
        known = await ann.knowledge.entry(first.ref)
        assert known.counts.contributors == ({"ann": 1, "bob": 1} if status == "merged" else {"ann": 1})
        assert known.counts.wordings == ((near,) if status == "merged" else ())
        assert (verdict.ref == first.ref) == (status == "merged")
        elsewhere = await bob.other.contribute(near)
        assert (elsewhere.status, elsewhere.similarity) == ("accepted", None)


@pytest.mark.parametrize("kind", PAIRS_APART)
@in_loop
async def test_a_contradiction_is_never_merged(kind: str) -> None:
    """However near (0.9999) and whatever the scorer thinks: two entries, the second linked to the first with the reason."""
    a, b = PAIRS_APART[kind]
    embedder = Chosen()
    embedder.place(b, 0.9999, a)
    async with Engine() as engine:
        ann: Any = await engine.open(hive_with(embedder=embedder, scorer=Calm()), TASK, "hive", agent="ann")
        first = await ann.knowledge.contribute(a)
        second = await ann.knowledge.contribute(b)
        assert (first.status, second.status) == ("accepted", "accepted")
        [link] = second.links
        assert (link.ref, link.similarity) == (first.ref, 0.9999)
        assert link.why
        assert {known.text for known in await ann.knowledge.entries()} == {a, b}
        assert (await ann.knowledge.entry(first.ref)).links[0].ref == second.ref


@needs_minilm
@in_loop
async def test_a_blocked_pair_is_seen_by_the_coherence_pass() -> None:
    """What was held apart is reported with both authors, and the corpus' own bookkeeping states nothing."""

    class Own(Document):
        knowledge: Corpus = corpus()

    async with Engine() as engine:
        ann = await engine.open(Own, TASK, "hive", agent="ann")
        bob = await engine.open(Own, TASK, "hive", agent="bob")
        a, b = PAIRS_APART["number"]
        await ann.knowledge.contribute(a)
        verdict = await bob.knowledge.contribute(b)
        assert verdict.links[0].similarity > 0.94
        await bob.knowledge.cite(verdict.ref, 7)
        await ann.knowledge.contribute(PAIRS_APART["swapped roles"][0])
        await bob.knowledge.contribute(PAIRS_APART["swapped roles"][1])
        report = Checker().run(await ann.snapshot())
        [found] = report.contradictions
        assert {*found.a.authors, *found.b.authors} == {"ann", "bob"}
        assert report.possible == []


@needs_minilm
@worlds
@in_loop
async def test_paraphrases_are_merged_by_what_ships(kind: str, tmp_path: Path) -> None:
    """With the extra installed nothing needs to be chosen; the hit says by which method it was found."""

    class Own(Document):
        knowledge: Corpus

    async with world(kind, tmp_path / "state.db") as w:
        ann, bob = await w.open(Own, "ann"), await w.open(Own, "bob")
        first = await ann.knowledge.contribute("Drizzle ORM dies on Vercel function restart")
        second = await bob.knowledge.contribute("Drizzle ORM crashes when a Vercel function restarts")
        assert (second.status, second.ref, second.stage) == ("merged", first.ref, "neighbourhood")
        await ann.knowledge.contribute("Postgres verwirft tote Zeilen erst beim VACUUM.")
        [hit] = await bob.knowledge.search("which ORM fails on serverless", limit=1)
        assert (hit.ref, hit.method, hit.counts.contributions) == (first.ref, "embedding", 2)


@worlds
@in_loop
async def test_without_vectors_the_same_words_are_one(kind: str, tmp_path: Path) -> None:
    """Case, articles and known synonyms merge; other words do not, and near facts are linked with the reason."""
    async with world(kind, tmp_path / "state.db") as w:
        ann, bob = await w.open(Hive, "ann"), await w.open(Hive, "bob")
        first = await ann.knowledge.contribute("The exporter removes rows older than 30 days.")
        same = await bob.knowledge.contribute("the exporter deletes the rows older than 30 days")
        assert (same.status, same.ref) == ("merged", first.ref)
        other = await bob.knowledge.contribute("The exporter removes rows older than 90 days.")
        assert (other.status, other.links[0].ref) == ("accepted", first.ref)
        hits = await ann.knowledge.search("exporter rows")
        assert {hit.method for hit in hits} == {"lexical"}
        assert [hit.links[0].ref for hit in hits] == [other.ref, first.ref]


# -- counting -----------------------------------------------------------------------------------------------------


@worlds
@in_loop
async def test_citations_add_up_and_endorsements_count_agents(kind: str, tmp_path: Path) -> None:
    """However often and at the same time: every citation counts, each endorser once, by name."""
    async with world(kind, tmp_path / "state.db") as w:
        ann, bob = await w.open(Hive, "ann"), await w.open(Hive, "bob")
        ref = (await ann.knowledge.contribute(FACT)).ref
        await asyncio.gather(*(who.knowledge.cite(ref) for who in (ann, bob) * 10), ann.knowledge.cite(ref, 5))
        await asyncio.gather(*(bob.knowledge.endorse(ref) for _ in range(3)), ann.knowledge.endorse(ref))
        counts = (await bob.knowledge.entry(ref)).counts
        assert (counts.citations, counts.endorsements, sorted(counts.endorsers)) == (25, 2, ["ann", "bob"])
        for wrong in (0, -1, 10**9):
            with pytest.raises(Invalid):
                await bob.knowledge.cite(ref, wrong)
        for unknown in ("knowledge@9999.0", "other@1.0", "nonsense", f"{ref}0"):
            with pytest.raises(Invalid):
                await bob.knowledge.cite(unknown)


@worlds
@in_loop
async def test_a_retry_of_the_same_op_counts_once(kind: str, tmp_path: Path) -> None:
    """The same op of one agent: one entry, one contribution, one citation, the same verdict; another agent's op is its own."""
    async with world(kind, tmp_path / "state.db") as w:
        ann, bob = await w.open(Hive, "ann"), await w.open(Hive, "bob")
        verdicts = await asyncio.gather(*(ann.knowledge.contribute(FACT, op_id="a1") for _ in range(4)))
        assert {(one.status, one.ref) for one in verdicts} == {("accepted", verdicts[0].ref)}
        again = [await bob.knowledge.contribute(FACT, op_id="a1") for _ in range(3)]
        assert {(one.status, one.ref) for one in again} == {("merged", verdicts[0].ref)}
        ref = verdicts[0].ref
        assert ref is not None
        await asyncio.gather(*(ann.knowledge.cite(ref, 2, op_id="c1") for _ in range(3)))
        counts = (await ann.knowledge.entry(ref)).counts
        assert (counts.contributors, counts.citations) == ({"ann": 1, "bob": 1}, 2)


@in_loop
async def test_tallies_of_a_plain_peer_count_as_its_own() -> None:
    """Whatever stands in a tally, its author is the log's; one for a ref that is none counts nowhere."""
    async with Engine() as engine:
        ann = await engine.open(Hive, TASK, "hive", agent="ann")
        bob = await engine.open(None, TASK, "hive", agent="bob")
        ref = (await ann.knowledge.contribute(FACT)).ref
        tallies = bob.log("knowledge_tally")
        await tallies.extend([{"ref": ref, "kind": "endorsement"}, {"ref": "knowledge@77.0", "kind": "citation"}])
        with pytest.raises(Invalid):
            await tallies.append({"ref": ref, "kind": "endorsement", "by": "ann"})
        assert (await ann.knowledge.entry(ref)).counts.endorsers == ("bob",)


# -- searching ----------------------------------------------------------------------------------------------------


@in_loop
async def test_a_search_can_leave_out_origins_and_asks_for_tags() -> None:
    """What only excluded tasks have contributed is left out; the origins are shown; kinds and tags narrow."""
    async with Engine() as engine:
        ann = await engine.open(Hive, TASK, "hive", agent="ann")
        one, two, three = facts(3)
        await ann.knowledge.contribute(one, origin="acme/task/monday", tags=["net"])
        await ann.knowledge.contribute(two, origin="acme/task/monday", kind="note")
        await ann.knowledge.contribute(two, origin="acme/task/friday")
        await ann.knowledge.contribute(three)

        async def found(**options: Any) -> set[str]:
            return {hit.text for hit in await ann.knowledge.search("module listens on port", **options)}

        assert await found() == {one, two, three}
        assert await found(exclude_origin="acme/task/monday") == {two, three}
        assert await found(exclude_origin=["acme/task/monday", "acme/task/friday"]) == {three}
        assert await found(tags=["net"]) == {one}
        assert await found(kind="note") == {two}
        assert len(await found(limit=1)) == 1
        shown = {known.text: known.counts.origins for known in await ann.knowledge.entries()}
        assert shown[two] == {"acme/task/monday", "acme/task/friday"}
        assert len(await ann.knowledge.entries(exclude_origin="acme/task/monday")) == 2
        for wrong in (0, 10**6):
            with pytest.raises(Invalid):
                await ann.knowledge.search("port", limit=wrong)


@in_loop
async def test_another_model_answers_with_vectors_of_its_own() -> None:
    """When the model's id changes, no vector of before answers: everything is embedded again."""
    embedder = Chosen("first")
    document = hive_with(embedder=embedder, scorer=Calm())
    async with Engine() as engine:
        ann: Any = await engine.open(document, TASK, "hive", agent="ann")
        texts = facts(5)
        for text in texts:
            await ann.knowledge.contribute(text)
        await ann.knowledge.search(texts[3])
        embedder.embedded.clear()
        await ann.knowledge.search(texts[3])
        assert embedder.embedded == []  # nothing is embedded twice
        embedder.model_id = "second"
        embedder.place(texts[0], 0.99, texts[3])  # what the second model thinks is near
        hits = await ann.knowledge.search(texts[3])
        assert [hit.text for hit in hits[:2]] == [texts[3], texts[0]]
        assert set(texts) <= set(embedder.embedded)


@in_loop
async def test_a_broken_embedder_is_named_and_writes_nothing() -> None:
    """Numbers that are none, or rows that are missing, are an error of the embedder; nothing lands."""

    class Broken(Chosen):
        def embed(self, texts: Any) -> Any:
            return [[float("nan")] for _ in texts]

    async with Engine() as engine:
        ann: Any = await engine.open(hive_with(embedder=Broken(), scorer=None), TASK, "hive", agent="ann")
        await ann.log("knowledge").append({"text": facts(1)[0]})
        with pytest.raises(Invalid, match="numbers that are none"):
            await ann.knowledge.contribute(FACT)
        assert len((await ann.log("knowledge").read()).value) == 1


# -- shapes -------------------------------------------------------------------------------------------------------


@in_loop
async def test_within_a_transaction_it_lands_whole_or_not_at_all() -> None:
    """A contribution is collected with what else is written; the view is the handle's own, and nothing is read anew."""
    async with Engine() as engine:
        ann = await engine.open(Hive, TASK, "hive", agent="ann")
        bob = await engine.open(Hive, TASK, "hive", agent="bob")
        await ann.knowledge.contribute(FACT)
        with pytest.raises(RuntimeError):
            async with ann.transaction() as tx:
                await tx.knowledge.contribute(facts(1)[0])
                raise RuntimeError
        assert len(await bob.knowledge.entries()) == 1
        async with ann.transaction() as tx:
            verdict = await tx.knowledge.contribute(facts(1)[0])
            assert (verdict.status, verdict.ref) == ("accepted", None)
            assert tx.outside is ann
        assert len(await bob.knowledge.entries()) == 2
        with pytest.raises(Conflict):
            async with ann.transaction() as tx:
                await tx.knowledge.contribute(facts(3)[2])
                await bob.knowledge.contribute(facts(4)[3])


def test_it_blocks_and_needs_no_schema() -> None:
    """`accordant.blocking` has it; `Corpus(doc, name)` works where no class declares it."""
    with blocking.Engine() as engine:
        ann = engine.open(Hive, TASK, "hive", agent="ann")
        ref = ann.knowledge.contribute(FACT).ref
        ann.knowledge.cite(ref)
        assert ann.knowledge.entry(ref).counts.citations == 1
        assert ann.knowledge.search("gateway")[0].ref == ref

    async def main() -> None:
        async with Engine() as engine:
            doc = await engine.open(None, TASK, "open", agent="ann")
            one = Corpus(doc, "lore", corpus(embedder=None))
            verdict = await one.contribute(FACT)
            assert (await Corpus(doc, "lore", one.settings).entry(str(verdict.ref))).text == FACT
            assert (await doc.log("lore").read()).value[0]["text"] == FACT

    asyncio.run(main())


@in_loop
async def test_what_does_not_fit_is_invalid() -> None:
    """Wrong arguments are typed errors and write nothing; wrong settings are schema errors."""
    async with Engine() as engine:
        ann = await engine.open(Hive, TASK, "hive", agent="ann")
        for text, options in (
            (None, {}),
            ("\ud800 " + FACT, {}),
            (FACT, {"tags": "net"}),
            (FACT, {"tags": ["x"] * 99}),
            (FACT, {"tags": [""]}),
            (FACT, {"kind": "k" * 999}),
            (FACT, {"why": "w" * 9_999}),
            (FACT, {"op_id": ""}),
        ):
            with pytest.raises(Invalid):
                await ann.knowledge.contribute(text, **options)  # type: ignore[arg-type]
        assert await ann.knowledge.entries() == []
        with pytest.raises(Invalid):
            await ann.log("knowledge").append({"text": "w" * (CORPUS_TEXT_CHARS_MAX + 1)})
    for wrong in ({"threshold": 0}, {"threshold": 1.5}, {"stages": [STAGES[0]] * 2}, {"stages": ["narration"]}):
        with pytest.raises(SchemaError):
            corpus(**wrong)
    with pytest.raises(SchemaError):
        corpus(stages=[lambda text: None, lambda text: None])
    assert Tally(ref="knowledge@1.0", kind="citation").n == 1


def test_naming_it_is_free_until_it_is_used() -> None:
    """`import accordant` loads neither numpy nor a pattern, and a corpus without an embedder never loads a model."""
    code = (
        "import sys, accordant; assert not [m for m in sys.modules if m.startswith('accordant.patterns.') or m == 'numpy']\n"
        "from accordant import Corpus, corpus\n"
        "assert 'accordant.patterns.corpus.pattern' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
