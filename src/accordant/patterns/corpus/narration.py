"""The second stage: knowledge says what is so, not what somebody did on the way. Process talk is asked to be said as a finding. Pure."""

# ruff: noqa: E501 - a pattern that is broken over lines cannot be read
from __future__ import annotations

import re
from typing import Final

from accordant.coherence_pass.sentences import statement_spans
from accordant.coherence_pass.words import plain

__all__ = ["narration"]

_LEAD: Final = (
    r"^\W*(?:(?:ok|okay|alright|right|great|sure|perfect|done|now|so|well|and|but|first(?:ly)?|second(?:ly)?|then|next|finally"
    r"|lastly|afterwards|after that|before that|to (?:start|begin)(?: with)?|at this point|meanwhile|as requested|as you asked"
    r"|once (?:that|this) was done)\b[,.!:;]?\s*){0,3}"
)
_AUX: Final = r"(?:(?:have|had|'ve|'d|just|also|then|first|next|now|already|quickly|briefly|will|'ll|am|'m|was|were|are|'re|did|been)\s+){0,4}"
_ACTS: Final = (
    r"look(?:ed|ing)?|check(?:ed|ing)?|open(?:ed|ing)|reopened|read(?:ing)?|re-?read|ran|run(?:ning)?|rerun|reran|tr(?:y|ied|ying)|search(?:ed|ing)?"
    r"|grepped|start(?:ed|ing)?|began|begin|went|go(?:ing)?|scroll(?:ed|ing)?|click(?:ed|ing)?|typed|navigated|review(?:ed|ing)?"
    r"|inspect(?:ed|ing)?|examin(?:e|ed|ing)|explor(?:e|ed|ing)|investigat(?:e|ed|ing)|debugg(?:ed|ing)|list(?:ed|ing)|printed|execut(?:ed|ing)"
    r"|call(?:ed|ing)|ask(?:ed|ing)|continu(?:e|ed|ing)|proceed(?:ed|ing)?|finish(?:ed|ing)?|got|get|need to|want(?:ed)? to|plan to|think|guess"
    r"|working on|trying to|done|stopp?ed|waited|thought|took a|had to|managed to|wrapped up|moved on|switched to|edit(?:ed|ing)?"
)
_OWN_ACTS: Final = (
    r"fix(?:ed|ing)?|add(?:ed|ing)?|updat(?:e|ed|ing)|chang(?:e|ed|ing)|creat(?:e|ed|ing)|remov(?:e|ed|ing)|delet(?:e|ed|ing)|writ(?:e|ing)|wrote"
    r"|install(?:ed|ing)?|refactor(?:ed|ing)?|renam(?:e|ed|ing)|implement(?:ed|ing)?|test(?:ed|ing)?|commit(?:ted|ting)?|push(?:ed|ing)?"
    r"|compar(?:e|ed|ing)|us(?:e|ed|ing)|made|make|modif(?:y|ied)|revert(?:ed|ing)?|rewrote|summari[sz]ed?|see|saw"
)
_NARRATION: Final = tuple(
    re.compile(_LEAD + pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:i|we)(?:\s+|(?='))(?:{_AUX})(?:{_ACTS})\b",
        rf"i(?:\s+|(?='))(?:{_AUX})(?:{_OWN_ACTS})\b(?! that\b)",
        r"(?:i|we)(?:'ll|'m going to|'re going to| will| am going to| are going to| need to| should)(?: now| then| also| next)?\s+\w+",
        r"(?:let me|lemme|let(?:'s| us)(?= (?-i:[a-z])))\b",
        r"(?:my|our) (?:next|first|last|plan|goal|task|job|approach|current) (?:step|task|move|is|was|thing)\b",
        r"(?:here is|here's|this is) (?:what|how|a summary of what) (?:i|we)\b",
        r"(?:the )?user (?:asked|wants|wanted|said|told|requested|needs)\b",
        r"(?:looking|going|digging|moving|diving|scrolling) (?:at|into|through|on|over|back)\b.{0,80}?[,:]\s*(?:i|we|let)\b",
        r"after (?:looking|checking|reading|running|trying|opening|reviewing|searching|inspecting)\b.{0,120}?,\s*(?:i|we)\b(?! (?:found|learned|know))",
        r"(?:task|work|job|step \d+)(?: is| was)? (?:done|complete|completed|finished)\b",
    )
)  # fmt: skip
_FINDING: Final = re.compile(
    _LEAD
    + r"(?:i|we)(?:\s+|(?='))(?:(?:have|'ve|just|also|then|now|recently)\s+){0,3}(?:found|learned|learnt|noticed|discovered|confirmed"
    r"|verified|measured|observed|know|see|saw|showed|proved)(?: out)?(?: \w+){0,3}? that\b",
    re.IGNORECASE,
)


def narration(text: str) -> str | None:
    """Why the text is no knowledge but a tale of how it was come by; None: it is none. Half of its sentences decide."""
    shown = plain(text).replace("\n", " ")
    sentences = [shown[start:end].strip() for start, end in statement_spans(shown).spans] or [shown.strip()]
    told = [one for one in sentences if not _FINDING.match(one) and any(pattern.match(one) for pattern in _NARRATION)]
    if 2 * len(told) < len(sentences) or not told:
        return None
    opening = " ".join(told[0].split()[:4])
    return f'it tells what somebody did ("{opening} ..."): say what is so, by itself'
