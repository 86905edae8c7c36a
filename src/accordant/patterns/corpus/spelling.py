"""How a text is written, as far as that tells facts apart: `-r` is not `-R`, `5 mW` not `5 MW`, `>` not `>=`.

Everything else of spelling is dress: case, blanks, Markdown's emphasis, the full stop. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from accordant.coherence_pass.words import plain

__all__ = ["code_in", "marks", "normal"]

_EMPHASIS: Final = re.compile(r"(?<![\w*/])(\*\*?)(?=\w)([^*\n]*\w)\1(?![\w*/])")
_BULLET: Final = re.compile(r"^\s*[-*+]\s+")
_ENDS: Final = ".,;\"'()`"
_SIGNS: Final = re.compile(r"[/\\_@#$%&=<>^~+*|{}\[\]]|(?<=\w):(?=\w)|^[-!?]\S|\w[!?]\w")
_CODE: Final = re.compile(r"(`+)([^`\n]+)\1")
_OPERATOR: Final = re.compile(r"[/\\@#$%&=<>^~+*|!?-]*[/\\@#$%&=<>^~+*|!?][/\\@#$%&=<>^~+*|!?-]*")
_KEEPS_CASE: Final = re.compile(r"^--?\w|[_\\]|^(?:\.{1,2}|~)?/")
_UNIT: Final = re.compile(r"(?:(?<=\d)|(?<=\d ))[A-Za-z]{1,3}(?![\w])")


def normal(text: str) -> str:
    """What equal texts share: visible characters, one case where case tells nothing, one space, no full stop at the end."""
    words = _plain_marks(text).split()
    return " ".join(_cased(word, words[n - 1] if n else "") for n, word in enumerate(words)).rstrip(" .!;")


def marks(text: str, rest: str) -> tuple[str, ...]:
    """What has to be the same to the letter, in order: operators with what they stand between, options, paths, units of which
    the case decides. `rest`: the text with blanks where amounts and dates are, which are compared by what they mean."""
    shown = _plain_marks(text)
    found: list[str] = []
    words = list(re.finditer(r"\S+", shown))
    for n, word in enumerate(words):
        core = _core(rest[word.start() : word.end()].strip())
        if _OPERATOR.fullmatch(core):
            found.append("".join(one[0].casefold() for one in words[max(0, n - 1) : n + 2]))
        elif _SIGNS.search(core) or any(unicodedata.category(char)[0] == "S" for char in core):
            found.append(_cased(core, ""))
    return (*found, *(unit for match in _UNIT.finditer(shown) if not (unit := _unit(match[0])).islower()))


def code_in(text: str) -> frozenset[str]:
    """What stands between backticks: code is the same to the letter, or another."""
    return frozenset(match[2].strip() for match in _CODE.finditer(text))


def _plain_marks(text: str) -> str:
    """As `plain`, with the stars and bars that are no mark-up. Keeps places."""
    shown = "".join(raw if raw in "*|" else char for raw, char in zip(text, plain(text), strict=True))
    shown = _BULLET.sub(lambda match: " " * len(match[0]), shown)
    return _EMPHASIS.sub(lambda match: match[2].center(len(match[0])), shown)


def _core(word: str) -> str:
    word = word.strip(_ENDS)
    return word if _SIGNS.search(word.rstrip("?!:")) else word.rstrip("?!:")


def _cased(word: str, before: str) -> str:
    if _KEEPS_CASE.search(_core(word)):
        return word
    if before[-1:].isdigit() and _UNIT.fullmatch(f"0 {_core(word)}", 2):
        return word.replace(_core(word), _unit(_core(word)))
    if (unit := _UNIT.search(word)) is not None:
        return word[: unit.start()].casefold() + _unit(unit[0]) + word[unit.end() :].casefold()
    return word.casefold()


def _unit(unit: str) -> str:
    """`GB` is `gb`, and `kB` too; but `Mb` is no `MB`, and `m` no `M`."""
    unit = unit[0].upper() + unit[1:] if unit[0] == "k" and unit[1:].isupper() else unit
    return unit.casefold() if len(unit) > 1 and (unit.isupper() or unit.islower()) else unit
