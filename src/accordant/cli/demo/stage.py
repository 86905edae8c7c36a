"""Where the demo is played: tells every step to whoever watches, and holds each scene to what it promised.

It must not know the scenes. On a terminal it speaks with pauses; for a program it only keeps what happened.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from accordant.cli.output import plain

__all__ = ["GuaranteeFailed", "Stage"]

STEP_PAUSE_S = 0.9
VERDICT_PAUSE_S = 2.0
AGENT_STYLES = {
    "triage": "cyan",
    "enrichment": "magenta",
    "docs": "blue",
    "web": "yellow",
    "lead": "green",
    "night": "green",
    "crew": "bold",
}


class GuaranteeFailed(Exception):
    """A scene did not end as it must: the product is broken, and says so."""

    def __init__(self, scene: str, guarantee: str) -> None:
        super().__init__(f"{scene}: {guarantee}")
        self.scene = scene
        self.guarantee = guarantee


@dataclass(slots=True)
class _Played:
    """One scene as it went."""

    name: str
    part: str
    title: str
    steps: list[dict[str, str]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    verdict: str = ""
    is_loss: bool = False


class Stage:
    """`shown` is None where nobody watches; `pace` multiplies the pauses (0: none)."""

    def __init__(self, shown: Console | None, pace: float) -> None:
        self._shown = shown
        self._pace = pace
        self._scenes: list[_Played] = []

    async def opens(self, name: str, part: str, title: str) -> None:
        """A scene begins, and with the first one of a part that part."""
        is_new_part = not self._scenes or self._scenes[-1].part != part
        self._scenes.append(_Played(name, part, title))
        if self._shown is not None:
            if is_new_part:
                self._shown.print("\n", plain(part, "bold underline"), sep="")
            self._shown.print()
            self._shown.print(Rule(Text(f"{len(self._scenes)}. {title}", style="bold"), align="left", style="dim"))
        await self._pause(STEP_PAUSE_S)

    async def step(self, agent: str, does: str, outcome: str = "", style: str = "") -> None:
        """An agent does something; `outcome` is what came of it."""
        self._scenes[-1].steps.append({"agent": agent, "does": does, "outcome": outcome})
        if self._shown is not None:
            line = Table.grid(padding=(0, 1))
            line.add_column(width=12, no_wrap=True)
            line.add_column()
            text = plain(does)
            if outcome:
                text = text + Text(" → ", style="dim") + plain(outcome, style or "dim")
            line.add_row(plain(agent, AGENT_STYLES.get(agent, "bold")), text)
            self._shown.print(Padding(line, (0, 0, 0, 2)))
        await self._pause(STEP_PAUSE_S)

    def holds(self, fact: bool, guarantee: str) -> None:
        """Go on only if this is so; raises `GuaranteeFailed`."""
        if not fact:
            raise GuaranteeFailed(self._scenes[-1].title, guarantee)
        self._scenes[-1].held.append(guarantee)

    async def ends(self, verdict: str, *, is_loss: bool = False) -> None:
        """What the scene has shown. `is_loss`: it shows how other stores lose something."""
        scene = self._scenes[-1]
        scene.verdict, scene.is_loss = verdict, is_loss
        if self._shown is not None:
            mark, style = ("✗", "bold red") if is_loss else ("✓", "bold green")
            line = Table.grid(padding=(0, 1))
            line.add_row(Text(mark, style=style), plain(verdict, style))
            self._shown.print(Padding(line, (0, 0, 0, 2)))
        await self._pause(VERDICT_PAUSE_S)

    async def show(self, *parts: Any) -> None:
        """Something to look at between scenes; programs get their own form of it."""
        if self._shown is not None:
            for part in parts:
                self._shown.print(part)
        await self._pause(VERDICT_PAUSE_S)

    def to_json(self) -> list[dict[str, Any]]:
        """What was played, as JSON values."""
        return [
            {
                "name": one.name,
                "part": one.part,
                "title": one.title,
                "steps": one.steps,
                "held": one.held,
                "verdict": one.verdict,
                "loses": one.is_loss,
            }
            for one in self._scenes
        ]

    async def _pause(self, seconds: float) -> None:
        if self._shown is not None and self._pace:
            await asyncio.sleep(seconds * self._pace)
