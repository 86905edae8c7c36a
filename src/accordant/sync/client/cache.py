"""Readings that this handle has had before, each served again only when the authority says that its version is still the current
one. There is no time to live: a version is current or it is not. Bounded by bytes; what was read least recently goes first.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import replace

from accordant.types.commands import Question, ReadAnswer
from accordant.types.memory_limits import CACHE_BYTES_MAX

__all__ = ["Cache"]


class Cache:
    """Answers by path, of one authority: another epoch may have another past."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, tuple[ReadAnswer, int]] = OrderedDict()
        self._bytes = 0

    def known(self, question: Question, epoch: int) -> int | None:
        """The version that we have of it, to be confirmed; None: nothing of this epoch."""
        found = self._answers.get(question.path)
        return None if found is None or found[0].token.epoch != epoch else found[0].token.version

    def served(self, question: Question, answer: ReadAnswer) -> ReadAnswer | None:
        """What to give the reader: the answer itself, remembered; or what we have, when the answer says that it is unchanged.
        None: it is not here any more, ask for all of it."""
        path = question.path
        if not answer.is_unchanged:
            self._keep(path, answer)
            return answer
        found = self._answers.get(path)
        if found is None or found[0].token.version != answer.token.version:
            return None
        self._answers.move_to_end(path)
        return replace(found[0], token=answer.token)

    def _keep(self, path: str, answer: ReadAnswer) -> None:
        _, freed = self._answers.pop(path, (None, 0))
        size = len(json.dumps([answer.value, answer.entries]))
        self._bytes += size - freed
        if size > CACHE_BYTES_MAX:
            self._bytes -= size
            return
        self._answers[path] = (answer, size)
        while self._bytes > CACHE_BYTES_MAX:
            _, (_, size) = self._answers.popitem(last=False)
            self._bytes -= size
