"""`accordant demo`: scenes on a real store, each asserting its outcome. `scenes` has their order; each is a file of its own."""

from accordant.cli.demo.command import demo

__all__ = ["demo"]
