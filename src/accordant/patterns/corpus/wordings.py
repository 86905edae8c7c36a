"""Words that say the same wherever they stand in a technical note: all that may differ between two wordings of one fact.

A list of what is known to be the same, and not of what is known to differ: opposites, siblings (`source` and `target`, `owns`
and `leads`) and steps of one scale have near vectors and contradict nothing, and there is no end to them. Data, and one lookup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from accordant.coherence_pass.words import stem

__all__ = ["WORDINGS", "canonical", "form"]

WORDINGS: Final = (
    # acts
    "allow permit", "forbid prohibit disallow", "verify check", "drop discard|throw away", "ignore skip disregard",
    "delete remove erase", "create generate make", "send transmit", "return|give back", "fetch retrieve",
    "convert transform turn", "show display", "finish complete", "start begin commence", "stop halt", "crash die",
    "need require", "use utilise employ", "change modify alter", "choose pick select", "merge combine",
    "compute calculate", "monitor watch observe", "answer reply respond", "kill terminate",
    "abort cancel cancelled canceled", "throw raise", "contain include", "keep retain", "store save", "fix repair",
    "receive get", "add append", "block prevent", "charge bill", "improve enhance", "reduce decrease", "run execute",
    "call invoke", "happen occur", "try attempt", "retry|try again|attempt again", "exceed surpass", "split divide",
    "gather collect", "list enumerate", "find discover", "help assist", "buy purchase", "notify inform",
    "omit|leave out", "examine inspect", "evaluate assess", "hide conceal", "rename|give another name",
    "reboot restart", "reload reread", "ensure|make sure", "accelerate|speed up", "migrate migration",
    "deploy deployment", "validate validation", "encrypt encryption", "compress zip compression",
    # things
    "bug defect", "folder directory dir", "picture image", "documentation docs", "repository repo",
    "configuration config", "parameter param", "argument arg", "application app", "environment env", "database db",
    "information info", "specification spec", "administrator admin", "identifier id", "library lib",
    "dependency dep", "production prod", "development dev", "maximum max", "minimum min", "average avg",
    "memory ram", "certificate cert", "performance perf", "kubernetes k8s", "javascript js", "typescript ts",
    "postgres postgresql", "vm|virtual machine", "email e-mail", "website|web site", "filename|file name",
    "timestamp|time stamp", "timezone|time zone", "endpoint|end point", "backend|back end|back-end",
    "frontend|front end|front-end", "runtime|run time", "whitespace|white space", "webhook|web hook",
    "checksum|check sum", "codebase|code base", "dataset|data set", "namespace|name space", "workflow|work flow",
    "keyword|key word", "timeout|time out|time-out", "fallback|fall back", "rollback|roll back",
    "workaround|work around", "labelled labeled", "modelled modeled", "centre center", "licence license",
    "catalogue catalog", "programme program", "grey gray",
    # how
    "big large", "quick fast", "quicker faster", "quickest fastest", "sluggish slow", "huge enormous",
    "entire whole", "mandatory obligatory", "additional extra", "flaky unreliable", "easy simple",
    "essential crucial", "sufficient enough", "adjacent neighbouring neighboring", "subsequent following",
    "usually normally typically", "often frequently", "rarely seldom", "roughly approximately circa",
    "immediately instantly", "therefore thus hence consequently", "although though", "until till", "only solely",
    "currently presently", "entirely completely fully", "nearly almost", "while whilst", "among amongst",
    "toward towards", "must shall", "when on upon",
)  # fmt: skip
"""Groups of words, and after each `|` a phrase. A word is in one group."""

_IRREGULAR: Final = {
    "are": ("is", ""), "am": ("is", ""),
    "got": ("get", "ed"), "began": ("begin", "ed"), "begun": ("begin", "ed"), "bought": ("buy", "ed"), "chose": ("choose", "ed"),
    "chosen": ("choose", "ed"), "found": ("find", "ed"), "gave": ("give", "ed"), "given": ("give", "ed"), "hid": ("hide", "ed"),
    "hidden": ("hide", "ed"), "kept": ("keep", "ed"), "left": ("leave", "ed"), "made": ("make", "ed"), "ran": ("run", "ed"),
    "sent": ("send", "ed"), "shown": ("show", "ed"), "threw": ("throw", "ed"), "thrown": ("throw", "ed"), "used": ("use", "ed"),
    "using": ("use", "ing"),
}  # fmt: skip
"""The forms of the words above that no ending tells: (the plain form, the ending that stands for theirs)."""

_BRITISH: Final = (
    (re.compile(r"(?<=\w\w\w\w)is(?=(?:e|es|ed|ing|er|ers|ation|ations)$)"), "iz"),
    (re.compile(r"(?<=\w\w\w)our(?=\w*$)"), "or"),
)
_PHRASE_WORDS_MAX: Final = 3


def form(word: str) -> tuple[str, str]:
    """(the stem of a word in one spelling, its ending: `ed`, `ing` or none). A plural is the same word."""
    if word in _IRREGULAR:
        base, ending = _IRREGULAR[word]
        return stem(base), ending
    for pattern, other in _BRITISH:
        word = pattern.sub(other, word)
    base = stem(word)
    return base, next((one for one in ("ed", "ing") if word.endswith(one) and not base.endswith(one)), "")


def _groups() -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for group in WORDINGS:
        words, *phrases = group.split("|")
        for phrase in [*words.split(), *phrases]:
            found[tuple(form(word)[0] for word in phrase.split())] = f"={group.split()[0].split('|')[0]}"
    return found


_GROUPS: Final = _groups()


def canonical(words: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Words as `form` gives them -> (what it says, its ending, as it was said), phrases as one."""
    found: list[tuple[str, str, str]] = []
    place = 0
    while place < len(words):
        for length in range(min(_PHRASE_WORDS_MAX, len(words) - place), 0, -1):
            said = tuple(base for base, _ in words[place : place + length])
            if length == 1 or said in _GROUPS:
                found.append((_GROUPS.get(said, said[0]), words[place][1], " ".join(said)))
                place += length
                break
    return found
