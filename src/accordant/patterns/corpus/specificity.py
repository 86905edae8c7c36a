"""The third stage: knowledge speaks of something in particular. Remarks, questions, platitudes and noise are sent back. Pure."""

# ruff: noqa: E501 - a pattern that is broken over lines cannot be read
from __future__ import annotations

import re
from typing import Final

from accordant.coherence_pass import lexicon
from accordant.coherence_pass.words import canonical_stem, plain, stems_of, tokens
from accordant.types.pattern_limits import CORPUS_TEXT_CHARS_MAX, CORPUS_TEXT_CHARS_MIN

__all__ = ["specificity"]

_WORDS_MIN: Final = 4
_DISTINCT_MIN: Final = 3
_UNSPACED_MIN: Final = 8
_CONTENT_MIN: Final = 2
_VAGUE: Final = stems_of(
    "thing things stuff something anything everything nothing someone code software system systems program programs project projects "
    "app application applications work works working job task tasks way ways lot kind sort bit good better best bad worse great nice "
    "fine okay important crucial essential critical key useful helpful necessary clean simple easy hard difficult complex readable "
    "maintainable robust scalable efficient quality practice practices idea ideas problem problems issue issues bug bugs fix fixes solution "
    "solutions change changes time times people team teams developer developers engineer engineers user users thought care careful carefully "
    "always never sure try remember forget note make makes made keep keeps do does doing done write writes writing written read test tests "
    "testing check review think know understand matter matters help helps need needs want use used improve follow avoid ensure handle "
    "proper properly correctly well documentation document design security performance error errors data file files line lines interesting "
    "different various expected possible likely probably maybe general generally overall basically really very much more most less success "
    "successful successfully complete completed finished ready looks look seems seem happy love like first last next step new old right "
    "wrong true false yes no start end result results information detail details part point case fact example reason lesson learned "
    "approach technology tool tools future world life day today depends depend priority goal goals value communication".split()
)
_ANCHOR: Final = re.compile(
    r"\d|`[^`]+`|\b\w+[_/.]\w+|\b[a-z]+[A-Z]\w*|\b[A-Z]{2,}\b|(?<=[a-z,;:] )[A-Z]\w+|\b[A-Z][a-z]+[A-Z]\w*|\b\w+\(\)|--?[a-z][\w-]+"
)
_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_PLATITUDE: Final = re.compile(
    r"^\W*(?:it (?:just )?(?:works|depends|is what it is)|(?:everything|all|it)(?: is|'s)? (?:works?|fine|good|ok|okay|done|as expected)"
    r"|(?:always|never) (?:test|document|review|trust|assume|give up)\b.{0,40}|keep it simple.{0,20}|less is more|practice makes perfect"
    r"|(?:lgtm|todo|tbd|n/?a|asdf|lorem ipsum)\b.*)\W*$",
    re.IGNORECASE,
)


def specificity(text: str) -> str | None:
    """Why the text says nothing in particular; None: it does."""
    shown = " ".join(plain(text).split())
    if len(text) > CORPUS_TEXT_CHARS_MAX:
        return f"it has {len(text)} characters, the most is {CORPUS_TEXT_CHARS_MAX}: one fact at a time"
    words = [token.word for token in tokens(shown)]
    unspaced = len(_UNSPACED.findall(shown))
    if unspaced < _UNSPACED_MIN and (len(shown) < CORPUS_TEXT_CHARS_MIN or len(words) < _WORDS_MIN):
        return "it is too short to say of what it is true"
    if unspaced >= _UNSPACED_MIN:
        return "it repeats itself" if len(set(shown)) < _DISTINCT_MIN + 1 else None
    if len(set(words)) < _DISTINCT_MIN:
        return "it repeats itself"
    if shown.endswith("?") and not re.search(r"[.!]\s", shown):
        return "it is a question: contribute the answer"
    if _PLATITUDE.match(shown):
        return "it is true of everything"
    content = {
        canonical_stem(word)[0] for word in words if word not in lexicon.FUNCTION_WORDS and word not in lexicon.NEGATORS
    }
    telling = {word for word in content if word not in _VAGUE}
    if not telling or (len(telling) < _CONTENT_MIN and not _ANCHOR.search(shown)):
        return "it names nothing in particular: no name, number or thing"
    return None
