"""`accordant demo`: seven scenes on a real store, each asserting its outcome. This package's files are one scene each."""

from accordant.cli.demo.command import demo

__all__ = ["demo"]
