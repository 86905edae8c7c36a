"""Text into the word pieces of BERT's uncased vocabularies, and which word each piece came from. Plain Python.

Gives what the reference tokenizer gives (a test compares them where it is installed). Reads no more of a text than
`ENCODED_CHARS_MAX` characters and `PIECES_MAX` pieces: a sentence beyond that is judged by its beginning.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from accordant.types.coherence_limits import ENCODED_CHARS_MAX, PIECES_MAX

__all__ = ["Pieces", "WordPiece"]

_PIECE_CHARS_MAX: Final = 100  # the reference gives up on longer words; so do we, for equality
_CJK: Final = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pieces:
    """`ids` with the marks at both ends; `word_of[i]` is the place in `words` of piece i, -1 for the marks.

    `words` are as written (case kept, accents kept): flags look at them.
    """

    ids: tuple[int, ...]
    word_of: tuple[int, ...]
    words: tuple[str, ...]


class WordPiece:
    """One vocabulary."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._ids: Mapping[str, int] = {piece: number for number, piece in enumerate(vocabulary)}
        self._unknown = self._ids["[UNK]"]
        self._first, self._last = self._ids["[CLS]"], self._ids["[SEP]"]
        self._known: dict[str, tuple[int, ...]] = {}

    def pieces(self, text: str) -> Pieces:
        """The pieces of a text's beginning."""
        ids, word_of = [self._first], [-1]
        words: list[str] = []
        for word in _words(text[:ENCODED_CHARS_MAX]):
            split = self._of_word(_folded(word))
            if not split:  # nothing but marks of accents
                continue
            if len(ids) + len(split) >= PIECES_MAX:
                break
            ids.extend(split)
            word_of.extend([len(words)] * len(split))
            words.append(word)
        ids.append(self._last)
        word_of.append(-1)
        return Pieces(tuple(ids), tuple(word_of), tuple(words))

    def _of_word(self, word: str) -> tuple[int, ...]:
        found = self._known.get(word)
        if found is None:
            found = self._split(word)
            if len(self._known) >= 65_536:  # a cache of words: starts again when it is full
                self._known.clear()
            self._known[word] = found
        return found

    def _split(self, word: str) -> tuple[int, ...]:
        if len(word) > _PIECE_CHARS_MAX:
            return (self._unknown,)
        ids: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = self._ids.get(("##" if start else "") + word[start:end])
                if piece is not None:
                    ids.append(piece)
                    start = end
                    break
            else:
                return (self._unknown,)
        return tuple(ids)


def _folded(word: str) -> str:
    if word.isascii():
        return word.lower()
    bare = "".join(char for char in unicodedata.normalize("NFD", word) if unicodedata.category(char) != "Mn")
    return bare.lower()


def _words(text: str) -> list[str]:
    """Words and single punctuation marks, as written."""
    words: list[str] = []
    start = -1
    for place, char in enumerate(text):
        if char.isalnum() and (char.isascii() or not _is_cjk(ord(char))):
            if start < 0:
                start = place
            continue
        kind = _kind(char)
        if kind == "inside":
            if start < 0:
                start = place
            continue
        if start >= 0:
            words.append(text[start:place])
            start = -1
        if kind == "alone":
            words.append(char)
    if start >= 0:
        words.append(text[start:])
    # Controls vanish inside a word, as in the reference, which deletes them before it splits.
    return [clean for word in words if (clean := word if word.isascii() and word.isprintable() else _visible(word))]


def _visible(word: str) -> str:
    return "".join(char for char in word if _is_shown(char))


def _is_shown(char: str) -> bool:
    return char not in "\x00\ufffd" and unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _kind(char: str) -> str:
    """`alone`, `space`, or `inside` a word."""
    code = ord(char)
    if char in " \t\n\r":
        return "space"
    if code < 128:
        return "inside" if code < 32 or code == 127 else "alone"
    if _is_cjk(code):
        return "alone"
    category = unicodedata.category(char)
    if category == "Zs" or char in "\u2028\u2029":
        return "space"
    return "alone" if category.startswith("P") else "inside"


def _is_cjk(code: int) -> bool:
    return code >= 0x3400 and any(low <= code <= high for low, high in _CJK)
