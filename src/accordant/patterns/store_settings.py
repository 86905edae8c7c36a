"""What a schema says of a store: `memory: Store = store(...)`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from accordant.document.pattern import Settings
from accordant.document.rules import region
from accordant.patterns.store_texts import check_fields
from accordant.types.errors import SchemaError
from accordant.types.limits import REGION_BYTES_MAX, REGION_ITEMS_MAX
from accordant.types.regions import Rules

if TYPE_CHECKING:
    from accordant.semantic.vectors import Embed, Vectors

__all__ = ["StoreSettings", "store"]


@dataclass(frozen=True, slots=True)
class StoreSettings(Settings):
    """What `store(...)` returns."""

    rules: Rules = Rules()  # noqa: RUF009 - frozen
    fields: tuple[str, ...] = ("$",)
    vectors: Vectors | None = None
    clock: Callable[[], float] = time.time
    texts: Callable[[Any, str], list[str]] | None = None
    """Another way to read paths than `texts_of`; what a path is, is then its own affair."""


def store(
    *,
    writers: str | Iterable[str] | None = None,
    allow: Mapping[str, Iterable[str]] | None = None,
    max_items: int = REGION_ITEMS_MAX,
    max_bytes: int = REGION_BYTES_MAX,
    fields: Sequence[str] = ("$",),
    embed: Embed | Literal["minilm"] | None = None,
    embed_query: Embed | None = None,
    model: str = "",
    clock: Callable[[], float] = time.time,
) -> Any:
    """A store's rules and how it is searched. `writers`, `allow`, `max_items`, `max_bytes`: as `region()` takes them.

    `fields`: the paths of an item's value that a query is compared with, `title`, `parts[*].text`, `$` for all of it. `embed`:
    texts to vectors, plain or `async`, or `"minilm"`, the encoder of `accordant[semantic]`; None: queries are compared word by
    word. `model` names what `embed` is, so that vectors of another are never met. `clock`: seconds since 1970, for
    `created_at`.
    """
    vectors = None
    if embed is not None:
        from accordant.semantic import vectors as semantic

        if embed == "minilm":
            vectors = semantic.minilm()
        elif callable(embed):
            vectors = semantic.Vectors(embed, model, embed_query)
        else:
            raise SchemaError('store(embed=...) takes a function from texts to vectors, or "minilm"')
    rules = region(writers=writers, allow=allow, max_items=max_items, max_bytes=max_bytes)
    return StoreSettings(rules, check_fields(fields), vectors, clock)
