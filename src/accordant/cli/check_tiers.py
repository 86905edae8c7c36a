"""Which tiers a check has: the rules; the learned verdict where its extra is there and wanted; a judge where one is named."""

from __future__ import annotations

import importlib
import time

from accordant.adapters.http_judge import HttpJudge
from accordant.cli.output import console
from accordant.coherence_pass import Checker, CheckerConfig, Scorer
from accordant.coherence_pass.tier_two import Judge
from accordant.types.errors import AccordantError, Invalid

__all__ = ["checker_for", "judge_at", "tell_judge", "tell_tiers"]

MODULE, FACTORY, OWN = "accordant.semantic", "scorer_named", "own"


def judge_at(url: str | None, model: str | None) -> HttpJudge | None:
    """The judge that was asked for, if any; raises `Invalid` for half of one."""
    if url is None and model is None:
        return None
    if url is None or model is None:
        hint = "--judge https://HOST/v1 --judge-model NAME; the key is read from ACCORDANT_JUDGE_KEY"
        raise Invalid("a judge is an address and a model", code="usage", hint=hint)
    return HttpJudge(url, model)


def checker_for(
    rules_only: bool, model: str | None = None, config: CheckerConfig | None = None, judge: Judge | None = None
) -> Checker:
    """The checker. Without `model` the one that ships, or the rules alone where its extra is missing.

    Raises `Invalid`, and `missing_extra` for a model that was asked for by name.
    """
    if rules_only and model is not None:
        raise Invalid("--rules-only and --model exclude each other", code="usage", hint="leave one of them out")
    scorer = None if rules_only else _scorer(model)
    return Checker(config, clock=time.perf_counter, scorer=scorer, judge=judge)


def tell_tiers(checker: Checker, rules_only: bool) -> None:
    """Say on standard error, once, that the extra is missing, unless nobody wanted it."""
    if not rules_only and "head" not in checker.identity.tiers:
        console(stderr=True).print(
            'rules only: pip install "accordant[semantic]" adds the learned verdict; --rules-only says this no more',
            style="dim",
            soft_wrap=True,
            markup=False,
        )


def tell_judge(judge: HttpJudge | None) -> None:
    """Say on standard error that the judge did not answer, and why: what it was to decide is still possible."""
    if judge is not None and judge.last_error is not None:
        text = f"the judge left a pair undecided: {judge.last_error}"
        console(stderr=True).print(text, style="yellow", soft_wrap=True, markup=False)


def _scorer(model: str | None) -> Scorer | None:
    try:
        found: Scorer = getattr(importlib.import_module(MODULE), FACTORY)(model or OWN)
    except (ImportError, AttributeError, AccordantError) as error:
        if model is None and (not isinstance(error, AccordantError) or error.code == "missing_extra"):
            return None
        if isinstance(error, AccordantError):
            raise
        raise AccordantError(
            f"--model {model} needs an extra that is not installed",
            code="missing_extra",
            hint='pip install "accordant[semantic]"',
        ) from error
    return found
