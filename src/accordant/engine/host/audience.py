"""Who is told of a document's durable entries. One who fails is dropped: a listener's mistake is none of the document's."""

from __future__ import annotations

import logging
from collections.abc import Callable

from accordant.engine.effects import Published

__all__ = ["Audience", "Listener"]

logger = logging.getLogger("accordant.engine")
Listener = Callable[[list[Published]], None]


class Audience:
    """Listeners in the order in which they came; called with each durable batch of entries, in order."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._listeners: list[Listener] = []

    def __len__(self) -> int:
        return len(self._listeners)

    def add(self, listener: Listener) -> Callable[[], None]:
        """From now on; returns how to stop it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def tell(self, published: list[Published]) -> None:
        """Everybody who is here now."""
        for listener in tuple(self._listeners) if published else ():
            try:
                listener(published)
            except Exception:
                logger.exception("a listener of %s failed and is dropped", self._key)
                if listener in self._listeners:
                    self._listeners.remove(listener)
