"""How every command speaks: tables on a terminal, JSON in a pipe, errors in two lines, and what an exit code means.

It must not know any command. Everything that comes out of a document is a stranger's text: `plain` takes the sting out of
it before a terminal sees it.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from accordant.types.errors import AccordantError, Conflict, Denied, Fenced, Invalid, NoAuthority, StaleRead, StoreError

__all__ = [
    "AsJson",
    "Exit",
    "MissingExtra",
    "add_names",
    "console",
    "exit_code",
    "moment",
    "plain",
    "print_json",
    "shortened",
    "size",
    "wants_json",
]

AsJson = Annotated[bool, typer.Option("--json", help="JSON, also when standard output is a terminal.")]
"""The option that every command has."""


class Exit(IntEnum):
    """What a command ends with."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    MISSING_EXTRA = 3
    FINDINGS = 4
    REFUSED = 5
    UNREACHABLE = 6


class MissingExtra(AccordantError):
    """A part that is not installed is needed. Field: `install`, the words to install it."""

    status = "invalid"
    code_default = "missing_extra"

    def __init__(self, what: str, extra: str) -> None:
        install = f'pip install "accordant[{extra}]"'
        super().__init__(f"{what} needs an extra that is not installed", hint=install, install=install)


def exit_code(error: AccordantError) -> Exit:
    """The exit code of an error that ended a command."""
    match error:
        case AccordantError(code="missing_extra"):
            return Exit.MISSING_EXTRA
        case NoAuthority() | AccordantError(code="store_busy" | "cannot_connect"):
            return Exit.UNREACHABLE
        case Conflict() | StaleRead() | Fenced() | Denied():
            return Exit.REFUSED
        case Invalid() | StoreError(code="store_cannot_open" | "store_foreign" | "store_newer" | "store_read_only"):
            return Exit.USAGE
        case StoreError(code="store_corrupt"):
            return Exit.FINDINGS
    return Exit.UNEXPECTED


def wants_json(as_json: bool) -> bool:
    """Whether somebody's program reads this: it asked for JSON, or standard output is no terminal."""
    return as_json or not sys.stdout.isatty()


def print_json(value: Any) -> None:
    """One JSON text on standard output, escaped where that is not UTF."""
    is_utf = sys.stdout.encoding.lower().startswith("utf")
    print(json.dumps(value, indent=2, ensure_ascii=not is_utf, default=str))


def console(*, stderr: bool = False) -> Console:
    """A terminal to write on. Nothing is highlighted by guessing, and no emoji codes are read out of anybody's text."""
    return Console(stderr=stderr, highlight=False, emoji=False)


NAME_COLUMNS = 20
"""A name of up to so many characters stays on one line of a table; longer ones fold, so that 80 columns hold the rest."""


def add_names(table: Table, heading: str, names: Iterable[str]) -> None:
    """A column of names, which are not broken unless they are long."""
    is_short = max(map(len, names), default=0) <= NAME_COLUMNS
    table.add_column(heading, no_wrap=is_short, overflow="fold")


def plain(value: Any, style: str = "") -> Text:
    """Anybody's text as it is: never read as mark-up, and control characters shown rather than obeyed."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return Text("".join(_visible(character) for character in text), style=style)


def _visible(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs"):
        return character
    return f"\\u{ord(character):04x}" if character != "\t" else " "


def shortened(text: str, chars_max: int) -> str:
    """The text on one line, cut with a mark where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= chars_max else f"{line[: chars_max - 1]}…"


def moment(at_ms: int) -> str:
    """A log's milliseconds as ISO 8601 in UTC: the same text everywhere."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"{at_ms} ms"


def size(count: int) -> str:
    """Bytes as people say them."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
