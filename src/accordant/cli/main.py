"""The command `accordant`: which commands there are, loaded one by one, and how an error leaves the program.

A command's module is imported when it is called (or listed), so that a missing extra stops that command alone.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Mapping
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from accordant import __version__
from accordant.cli.output import Exit, MissingExtra, console, exit_code, plain
from accordant.types.errors import AccordantError

__all__ = ["COMMANDS", "app"]

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("accordant.cli.demo", "demo"),
    "serve": ("accordant.cli.serve", "serve"),
    "check": ("accordant.cli.check", "check"),
    "log": ("accordant.cli.log", "log"),
    "doctor": ("accordant.cli.doctor", "doctor"),
    "verify": ("accordant.cli.verify", "verify"),
    "probe": ("accordant.cli.probe", "probe"),
}
"""Command -> (module, function), in the order in which they are listed."""

EXTRAS: Mapping[str, str] = {"serve": "server"}
"""The extra that a command needs."""


class Commands(TyperGroup):
    """The commands by name, imported on demand; every error becomes two lines and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name]
        try:
            act = getattr(importlib.import_module(module), function)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] == "accordant" or cmd_name not in EXTRAS:
                raise
            act = _missing(cmd_name)
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
        alone.command(cmd_name)(act)
        command = typer.main.get_command(alone)
        command.name = cmd_name
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ctx.meta["debug"] = "--debug" in args[:end]
        return super().parse_args(ctx, [word for at, word in enumerate(args) if at > end or word != "--debug"])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt):
            raise
        except Exception as error:
            if ctx.meta.get("debug"):
                traceback.print_exc()
            raise typer.Exit(_tell(error)) from None


def _tell(error: Exception) -> int:
    """The error on standard error: what happened, then what to do next."""
    shown = console(stderr=True)
    if isinstance(error, AccordantError):
        shown.print(plain(f"error: {error.message}", "bold red"), soft_wrap=True)
        if hint := error.fields.get("hint") or error.hint:
            shown.print(plain(f"next: {hint}"), soft_wrap=True)
        return int(exit_code(error))
    shown.print(plain(f"unexpected: {type(error).__name__}: {error}", "bold red"), soft_wrap=True)
    shown.print("next: run it again with --debug, and report what that prints", soft_wrap=True)
    return int(Exit.UNEXPECTED)


def _missing(name: str) -> Any:
    extra = EXTRAS[name]

    def act() -> None:
        raise MissingExtra(f"accordant {name}", extra)

    act.__doc__ = f'Needs an extra: pip install "accordant[{extra}]".'
    return act


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"accordant {__version__}")
        raise typer.Exit


app = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode="rich", add_completion=False)


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


if __name__ == "__main__":
    app()
