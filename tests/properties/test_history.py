"""The past of a real paper, typed by three plain Yjs peers with emoji and formats, against lists that remember everything."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest
from offline_peer import RawPeer
from test_trace import KEY, Paper, keystrokes

from accordant import Engine
from accordant.engine.host.replay import outline_at
from accordant.engine.outline import outline
from accordant.engine.state import DocumentState
from accordant.types.entries import Entry

EDITS = 1_200
TURN = 9
CHECKED = 200
Char = tuple[str, str, int]
"""A character, who typed it, and at which version: no two of one version are equal in place, so it is its own name."""


async def typed(engine: Engine, dice: random.Random) -> dict[int, list[Char]]:
    """The document after each version of the paper's first edits, some letters made emoji, some stretches made bold."""
    await engine.open(Paper, KEY.namespace, KEY.name, agent="owner")
    host = await engine.host(KEY)
    authors = [await RawPeer.join(host, f"author-{n}", client) for n, client in enumerate((7, 5, 2**40 - 1))]
    now: list[Char] = []
    states: dict[int, list[Char]] = {}
    patches = keystrokes()[:EDITS]
    for turn in range(0, len(patches), TURN):
        author = authors[turn // TURN % 3]
        await author.pull()
        for at, deleted, inserted in patches[turn : turn + TURN]:
            said = "".join("😀" if dice.random() < 0.05 else char for char in inserted)
            text = author.doc["draft"]
            start, end = (len("".join(char for char, *_ in now[:n]).encode()) for n in (at, at + deleted))
            with author.doc.transaction():
                if deleted:
                    del text[start:end]
                if said:
                    text.insert(start, said)
            await author.push()
            version = author.accepted[-1][0]
            now[at : at + deleted] = [(char, author.name, version) for char in said]
            states[version] = list(now)
            if dice.random() < 0.05 and now:
                text.format(0, len(str(text)[: len(now) // 2].encode()), {"bold": dice.choice([True, None])})
                await author.push()
                states[author.accepted[-1][0]] = list(now)
    return states


def intervals(states: dict[int, list[Char]], text: str) -> list[tuple[int, int | None]]:
    """From when until when the same characters in a row spelled the text."""
    open_: dict[tuple[int, ...], int] = {}
    found: list[tuple[int, int | None]] = []
    names: dict[int, Char] = {}
    for version, state in sorted(states.items()):
        said = "".join(char for char, *_ in state)
        names |= {id(one): one for one in state}  # a character's tuple lives as long as it is remembered here
        starts = [at for at in range(len(said)) if said.startswith(text, at)]
        now = {tuple(map(id, state[at : at + len(text)])) for at in starts}
        found += [(since, version) for ids, since in open_.items() if ids not in now]
        open_ = {ids: open_.get(ids, version) for ids in now}
    found += [(since, None) for since in open_.values()]
    return sorted(found, key=lambda one: (one[0], one[1] or 10**9))


def folded(entries: Sequence[Entry]) -> dict[int, dict[str, object]]:
    """The outline after each entry of one replay, entry by entry."""
    state, outlines = DocumentState(1), {}
    for entry in entries:
        state.fold(entry)
        outlines[entry.offset] = outline(state)
    return outlines


@pytest.mark.timeout(180)
def test_the_past_of_a_real_paper() -> None:
    """Blame, now and at old versions, equals the authors of a plain list; old outlines equal a replay entry by entry; traces
    of text typed in pieces equal what all versions together show."""

    async def play() -> None:
        dice = random.Random(7)
        async with Engine() as engine:
            states = await typed(engine, dice)
            paper = await engine.open(Paper, KEY.namespace, KEY.name, agent="reader")
            versions = sorted(states)

            async def blamed(at: int | None) -> list[Char]:
                runs = await paper.blame("draft", at=at)
                return [(char, run.actor, run.version) for run in runs for char in run.text]

            assert await blamed(None) == states[versions[-1]]
            for version in dice.sample(versions, 40):
                assert await blamed(version) == states[version], version
            entries = await engine.store.read(KEY.path, 0, 10_000)
            outlines = folded(entries)
            for version in dice.sample(sorted(outlines), min(CHECKED, len(outlines))):
                assert await outline_at(engine.store, KEY.path, version) == outlines[version], version
            for _ in range(12):
                state = states[dice.choice(versions[10:])]
                start = dice.randrange(max(len(state) - 6, 1))
                text = "".join(char for char, *_ in state[start : start + dice.choice([2, 4, 8])])
                found = await paper.trace(text)
                assert found.is_complete, found.examined
                shown = [(one.since, one.until) for one in found.appearances]
                assert sorted(shown, key=lambda one: (one[0], one[1] or 10**9)) == sorted(
                    set(intervals(states, text)), key=lambda one: (one[0], one[1] or 10**9)
                ), text

    asyncio.run(play())
