"""Plays the scenes, shows what comes before and after them, and ends with the exit code that stands for it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.panel import Panel
from rich.text import Text

from accordant.cli.demo.crew import DOCUMENT, Crew
from accordant.cli.demo.scenes import SCENES, Scene, chosen
from accordant.cli.demo.stage import GuaranteeFailed, Stage
from accordant.cli.log import row, table
from accordant.cli.output import AsJson, Exit, console, plain, print_json, wants_json
from accordant.engine.host.engine import Engine
from accordant.engine.stores.contract import AuditQuery
from accordant.types.entries import Entry, EntryKind
from accordant.types.errors import Invalid

__all__ = ["demo"]

OPENING = (
    "Agents work on one account overnight. What happens when two of them write the same thing?\n"
    "Everything here is real: a store on disk, an engine, no network. Each scene checks its own outcome."
)
ANYWHERE = (
    ("accordant probe dict", "the same race on a store of yours: langgraph:..., python:MODULE:FACTORY"),
    ("accordant demo --fast --keep demo.db", "then accordant log | doctor | check | explain demo.db brief"),
    ("accordant serve state.db", "one document for agents and editors, over a websocket"),
)
ON_A_KEPT_STORE = (
    ("log", "brief", "everything that happened"),
    ("doctor", "team", "what checks the version read; team is where the patterns were played"),
    ("check", "brief", "the contradiction again"),
    ("trace", "'31 May' --in brief", "since when a text is there, by whom, and who had it"),
)
AUDIT_TITLE = "Who was beaten by whom, having read what (accordant log)"


def demo(
    fast: Annotated[bool, typer.Option("--fast", help="Without pauses: a few seconds.")] = False,
    scene: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="This scene alone; may be given several times.")
    ] = None,
    names: Annotated[bool, typer.Option("--list", help="Only name the scenes.")] = False,
    keep: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the store in this new file, to look at afterwards.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Thirteen scenes in under two minutes: what is lost elsewhere, what happens here, and the patterns. Offline.

    Each scene asserts its outcome: the demo ends with 1, and names the guarantee, when one does not hold.

    Examples:

    accordant demo

    accordant demo --scene channel --scene board

    accordant demo --fast --keep demo.db
    """
    for_program = wants_json(as_json)
    if names:
        _list(for_program)
        return
    scenes = chosen(scene or [])
    if keep is not None and keep.exists():
        raise Invalid(f"{str(keep)!r} is there already", code="file_exists", hint="name a new file for --keep")
    stage = Stage(None if for_program else console(), 0.0 if fast or for_program else 1.0)
    started = time.perf_counter()
    failed: GuaranteeFailed | None = None
    audit: list[Entry] = []
    try:
        audit = asyncio.run(_played(stage, scenes, keep))
    except GuaranteeFailed as error:
        failed = error
    if for_program:
        print_json(_as_json(stage, audit, failed, time.perf_counter() - started))
    if failed is not None:
        console(stderr=True).print(
            plain(f"this guarantee did not hold: {failed.guarantee} ({failed.scene})", "bold red"), soft_wrap=True
        )
        raise typer.Exit(Exit.UNEXPECTED)


def _list(for_program: bool) -> None:
    if for_program:
        print_json([{"name": one.name, "part": one.part, "title": one.title} for one in SCENES])
        return
    part = ""
    for one in SCENES:
        if one.part != part:
            console().print(plain(one.part, "bold"))
            part = one.part
        console().print(plain(f"  {one.name:<15}{one.title}"))


async def _played(stage: Stage, scenes: Sequence[Scene], keep: Path | None) -> list[Entry]:
    with tempfile.TemporaryDirectory(prefix="accordant-demo-") as folder:
        async with Engine(keep or Path(folder) / "demo.db") as engine:
            await stage.show(
                Panel(Text(OPENING), title=Text("accordant", style="bold"), title_align="left", border_style="dim")
            )
            crew = await Crew.gather(engine)
            for scene in scenes:
                await stage.opens(scene.name, scene.part, scene.title)
                await scene.play(stage, crew)
            return await _finale(stage, crew, keep) if len(scenes) == len(SCENES) else []


async def _finale(stage: Stage, crew: Crew, keep: Path | None) -> list[Entry]:
    """The audit of everything about the guarded account, which must name both losers."""
    audit = await crew.engine.store.audit(AuditQuery(DOCUMENT.path, path="account"))
    denied = {(entry.actor, entry.outcome) for entry in audit if entry.kind is EntryKind.DENIAL}
    if not {("enrichment", "conflict"), ("enrichment", "fenced")} <= denied:
        raise GuaranteeFailed("The audit", "every denial is in the log, with who was beaten by whom")
    await stage.show(Text(), table(audit, title=AUDIT_TITLE), _closing(keep))
    return audit


def _closing(keep: Path | None) -> Panel:
    tries: Sequence[tuple[str, str]] = ANYWHERE
    if keep is not None:
        tries = tuple((f"accordant {name} {keep} {words}", what) for name, words, what in ON_A_KEPT_STORE)
    text = Text()
    for command, what in tries:
        text.append(f"{command}\n", style="bold").append(f"    {what}\n", style="dim")
    text.rstrip()
    return Panel(text, title=Text("try next", style="bold"), title_align="left", border_style="dim")


def _as_json(stage: Stage, audit: list[Entry], failed: GuaranteeFailed | None, took_s: float) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "held": failed is None,
        "scenes": stage.to_json(),
        "audit": [row(entry) for entry in audit],
    }
    if failed is not None:
        shown["failed"] = {"scene": failed.scene, "guarantee": failed.guarantee}
    return shown | {"took_s": round(took_s, 3)}
