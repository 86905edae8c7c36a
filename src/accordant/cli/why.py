"""`accordant why`: one thing that was written, as a tree: who, when, from what, what became of it, who relied on it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from accordant.cli.asking import Colours, ask
from accordant.cli.blame import In
from accordant.cli.output import AsJson, console, moment, plain, print_json, shortened, wants_json
from accordant.cli.source import StoreFile
from accordant.types.past import Explanation, Recall, Source

__all__ = ["tree", "why"]

SHOWN_MAX = 12
VALUE_CHARS = 120
STYLES = {
    "current": "green",
    "replaced": "dim",
    "suspect": "yellow",
    "retracted": "red",
    "superseded": "yellow",
    "denied": "red",
}
CUTS = {"seen": "shown above", "deep": "goes on deeper", "wide": "there is more"}


def why(
    store: StoreFile,
    ref: Annotated[
        str, typer.Argument(metavar="REF", help="path@version, such as findings@10.0; of a path, its newest write.")
    ],
    document: In = None,
    as_json: AsJson = False,
) -> None:
    """Why something is as it is: who wrote it, when and why, made from what; what became of it, and who relied on it.

    A denial, named by the version of its entry, tells who beat whom.

    Examples:

    accordant why state.db account

    accordant why state.db findings@10.0 --json
    """
    key, answer = ask(store, document, Recall("why", path=ref))
    if wants_json(as_json):
        print_json({"document": key, **answer})
    else:
        console().print(tree(Explanation.from_json(answer)))


def tree(found: Explanation) -> Tree:
    """The explanation for a terminal."""
    colours = Colours()
    entry = found.entry
    root = Tree(Text().append_text(plain(found.ref, "bold")).append(f"  {found.status}", STYLES.get(found.status, "")))
    said = _wrote(colours, entry)
    if entry.get("auth") == "token":
        said.append("  by token", "dim")
    root.add(said)
    if found.value is not None:
        root.add(plain(shortened(_text(found.value), VALUE_CHARS)))
    if found.denial is not None:
        root.add(_denial(colours, found))
    if found.status_by is not None:
        by = Text(f"{found.status} by ") + _wrote(colours, found.status_by)
        if found.status_by.get("ref"):
            by += plain(f"  because of {found.status_by['ref']}")
        root.add(by)
    if found.sources:
        branch = root.add("made from")
        for source in found.sources:
            _grow(branch, source, colours)
    if found.derived:
        branch = root.add("made from it")
        for one, actor in found.derived[:SHOWN_MAX]:
            branch.add(Text() + plain(f"{one}  ", "bold") + colours.named(actor))
        _more(branch, len(found.derived))
    if found.readers:
        branch = root.add("read by")
        for agent, version, how in found.readers[:SHOWN_MAX]:
            branch.add(colours.named(agent) + Text(f"  v{version}, {how}", "dim"))
        _more(branch, len(found.readers))
    if not found.is_complete:
        root.add(Text("there is more than is shown", "yellow"))
    return root


def _grow(branch: Tree, source: Source, colours: Colours) -> None:
    said = Text() + plain(source.ref, "bold")
    if source.actor is not None:
        said += Text("  ") + colours.named(source.actor)
    if source.status != "current":
        said.append(f"  {source.status}", STYLES.get(source.status, ""))
    if source.value is not None:
        said += plain(f"  {shortened(_text(source.value), VALUE_CHARS // 2)}", "dim")
    if source.why:
        said += plain(f"  ({shortened(source.why, VALUE_CHARS // 2)})")
    if source.cut:
        said.append(f"  {CUTS.get(source.cut, source.cut)}", "dim")
    grown = branch.add(said)
    for one in source.sources:
        _grow(grown, one, colours)


def _wrote(colours: Colours, entry: Any) -> Text:
    said = Text() + colours.named(str(entry.get("actor", "?")))
    if entry.get("at") is not None:
        said.append(f"  v{entry['version']}  {moment(entry['at'])[:19].replace('T', ' ')}", "dim")
    return said + plain(f"  {shortened(entry['why'], VALUE_CHARS)}") if entry.get("why") else said


def _denial(colours: Colours, found: Explanation) -> Text:
    denial = found.denial or {}
    said = Text("denied") + plain(f" ({denial.get('code')})" if denial.get("code") else "")
    if denial.get("yours") is not None:
        said.append(f", having read v{denial['yours']}")
    if winner := denial.get("beaten_by"):
        said += Text("; beaten by ") + _wrote(colours, winner)
    return said.append(f", {denial['times']} times" if denial.get("times", 1) > 1 else "")


def _more(branch: Tree, count: int) -> None:
    if count > SHOWN_MAX:
        branch.add(Text(f"and {count - SHOWN_MAX} more", "dim"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else plain(value).plain
