"""The command `accordant`: which commands there are, loaded one by one, and how an error leaves the program.

A command's module is imported when it is called (or listed), so that a missing extra stops that command alone.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from accordant import __version__
from accordant.cli.output import Exit, MissingExtra, console, exit_code, plain
from accordant.types.errors import AccordantError

__all__ = ["COMMANDS", "app"]

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("accordant.cli.demo", "demo"),
    "serve": ("accordant.cli.serve", "serve"),
    "token": ("accordant.cli.token", "token"),
    "check": ("accordant.cli.check", "check"),
    "log": ("accordant.cli.log", "log"),
    "blame": ("accordant.cli.blame", "blame"),
    "why": ("accordant.cli.why", "why"),
    "trace": ("accordant.cli.trace", "trace"),
    "at": ("accordant.cli.at", "at"),
    "diff": ("accordant.cli.diff", "diff"),
    "access": ("accordant.cli.access", "access"),
    "explain": ("accordant.cli.explain", "explain"),
    "doctor": ("accordant.cli.doctor", "doctor"),
    "compact": ("accordant.cli.compact", "compact"),
    "collapse": ("accordant.cli.collapse", "collapse"),
    "verify": ("accordant.cli.verify", "verify"),
    "probe": ("accordant.cli.probe", "probe"),
}
"""Command -> (module, function), in the order in which they are listed."""

EXTRAS: Mapping[str, str] = {"serve": "server", "token": "server"}
"""The extra that a command needs."""


class Commands(TyperGroup):
    """The commands by name, imported on demand. (`Any`: by its version, typer brings its own click or uses the shared one.)"""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
        function, is_there = _function(cmd_name)
        # A command whose extra is missing takes any words: it is to name the extra, and not to call a word wrong
        lenient = {} if is_there else {"allow_extra_args": True, "ignore_unknown_options": True}
        told = _told(function, ctx is not None and ctx.meta.get("debug", False))
        alone.command(cmd_name, context_settings=lenient)(told)
        command = typer.main.get_command(alone)
        command.name = cmd_name
        return command

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """`--debug` may stand anywhere before a `--`."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta["debug"] = "--debug" in args[:end]
        return super().parse_args(ctx, [word for at, word in enumerate(args) if at > end or word != "--debug"])


def _function(name: str) -> tuple[Callable[..., None], bool]:
    """The command's function, and whether all that it needs is installed."""
    # Read when numpy is first imported. Our matrices are small: more threads of its library only wait for each other, at three
    # to five times the work where others use the machine too
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    module, function = COMMANDS[name]
    try:
        found: Callable[..., None] = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "accordant" or name not in EXTRAS:
            raise
        return _missing(name), False
    return found, True


def _told(act: Callable[..., None], debug: bool) -> Callable[..., None]:
    """The command, its errors told in two lines each."""

    @functools.wraps(act)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            act(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BrokenPipeError:  # whoever read our output has gone: `accordant log ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.OK) from None
        except Exception as error:
            if debug:
                traceback.print_exc()
            raise typer.Exit(_tell(error)) from None

    run.__doc__ = _paragraphs(act.__doc__ or "")
    return run


def _paragraphs(text: str) -> str:
    """A docstring whose paragraphs are one line each: they are broken where the reader's terminal ends."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n"))


def _tell(error: Exception) -> int:
    """The error on standard error: what happened, then what to do next."""
    shown = console(stderr=True)
    if isinstance(error, AccordantError):
        shown.print(plain(f"error: {error.message}", "bold red"), soft_wrap=True)
        if hint := error.fields.get("hint") or error.hint:
            shown.print(plain(f"next: {hint}"), soft_wrap=True)
        return int(exit_code(error))
    if isinstance(error, PermissionError | IsADirectoryError) and error.filename is not None:
        shown.print(plain(f"error: {str(error.filename)!r}: {error.strerror}", "bold red"), soft_wrap=True)
        shown.print("next: name a file that you may read and write", soft_wrap=True)
        return int(Exit.USAGE)
    shown.print(plain(f"unexpected: {type(error).__name__}: {error}", "bold red"), soft_wrap=True)
    shown.print("next: run it again with --debug, and report what that prints", soft_wrap=True)
    return int(Exit.UNEXPECTED)


def _missing(name: str) -> Callable[..., None]:
    extra = EXTRAS[name]

    def act() -> None:
        raise MissingExtra(f"accordant {name}", extra)

    act.__doc__ = f'Needs an extra: pip install "accordant[{extra}]".'
    return act


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"accordant {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Commands, no_args_is_help=True, rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False
)


@app.callback(
    epilog="Exit codes: 0 ok, 1 unexpected, 2 usage, 3 a missing extra, 4 findings, 5 conflict or denied, 6 cannot connect."
)
def accordant(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="With any command: show the traceback of an error.")] = False,
) -> None:
    """One shared document, many agents: what can merge merges, what must not be overwritten is guarded, what the merge
    cannot see is checked, and everything that happened can be asked about.

    New here? accordant demo
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that cannot show a character gets its number
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    app()
