"""Which tiers a check has: the rules, and the learned verdict where the extra is installed and nobody asked for rules alone."""

from __future__ import annotations

import importlib
import time

from accordant.cli.output import console
from accordant.coherence_pass import Checker, CheckerConfig, Scorer

__all__ = ["checker_for", "tell_tiers"]

MODULE, FACTORY = "accordant.semantic", "load_scorer"


def checker_for(rules_only: bool, config: CheckerConfig | None = None) -> Checker:
    """The checker: the rules alone where they are asked for, or where the extra is missing."""
    return Checker(config, clock=time.perf_counter, scorer=None if rules_only else _scorer())


def tell_tiers(checker: Checker, rules_only: bool) -> None:
    """Say on standard error, once, that the extra is missing, unless nobody wanted it."""
    if not rules_only and checker.identity.tiers == ("rule",):
        console(stderr=True).print(
            'rules only: pip install "accordant[semantic]" adds the learned verdict; --rules-only says this no more',
            style="dim",
            soft_wrap=True,
            markup=False,
        )


def _scorer() -> Scorer | None:
    """The scorer that is installed, None where a part of it is missing."""
    try:
        factory = getattr(importlib.import_module(MODULE), FACTORY, None)
        found: Scorer | None = None if factory is None else factory()
    except ImportError:
        return None
    return found
