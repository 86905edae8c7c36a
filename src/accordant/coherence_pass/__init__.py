"""What the merge cannot see: claims, candidate pairs, rules, report. Pure: it reads, it flags, it never edits."""

from accordant.coherence_pass.checker import Checker, CheckerConfig, Suppression
from accordant.coherence_pass.markdown import passages_of_markdown
from accordant.coherence_pass.passages import AuthorSpan, Passage, passage_of_value
from accordant.coherence_pass.remembered import CheckerState, Work
from accordant.coherence_pass.report import CheckerInfo, CoherenceReport, Contradiction, Side
from accordant.coherence_pass.verdicts import Scorer, Verdict

__all__ = [
    "AuthorSpan",
    "Checker",
    "CheckerConfig",
    "CheckerInfo",
    "CheckerState",
    "CoherenceReport",
    "Contradiction",
    "Passage",
    "Scorer",
    "Side",
    "Suppression",
    "Verdict",
    "Work",
    "passage_of_value",
    "passages_of_markdown",
]
