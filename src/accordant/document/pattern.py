"""A pattern: several regions behind one face, declared as one region is.

    class Hive(Document):
        knowledge: Corpus = corpus(threshold=0.94)

A pattern keeps nothing of the document to itself: all it knows is in ordinary regions, each a root of its own that Yjs peers see,
that the gate judges and the log explains. It works through their public methods alone, so that it does in the process, over a
websocket and inside a transaction what it does anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from accordant.document.regions import Region
from accordant.types.errors import SchemaError
from accordant.types.regions import RegionSpec

if TYPE_CHECKING:
    from accordant.document.document import Document

__all__ = ["Declared", "Pattern", "Settings"]

R = TypeVar("R", bound=Region)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a schema says of a pattern: `knowledge: Corpus = corpus(...)`. Each pattern has its own subclass, whose fields have
    defaults unless the pattern cannot do without being told."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A pattern as a schema declares it."""

    pattern: type[Pattern]
    item: Any
    settings: Settings

    def specs(self, name: str) -> tuple[RegionSpec, ...]:
        """The regions that it is made of."""
        return tuple(self.pattern.specs(name, self.item, self.settings))


class Pattern:
    """Several regions behind one face. In a schema it is an annotation; without one, `Corpus(doc, "knowledge")`.

    A subclass sets `settings_type`, says in `specs` which regions it is made of, and reaches each by `self._part(Log, suffix)`.
    Making one costs nothing and asks nothing: a transaction makes all of them anew.
    """

    settings_type: ClassVar[type[Settings]] = Settings
    needs: ClassVar[str] = ""
    """What a schema has to assign where the settings cannot be guessed: `channel(supervisor=...)`."""

    def __init__(self, document: Document, name: str, settings: Settings | None = None, *, item: Any = None) -> None:
        self._document = document
        self.name = name
        self.settings: Any = self.settings_type() if settings is None else settings
        self._specs = {spec.name: spec for spec in self.specs(name, item, self.settings)}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._document.key}#{self.name}>"

    @classmethod
    def specs(cls, name: str, item: Any, settings: Any) -> Sequence[RegionSpec]:
        """The regions that it is made of, the first under its own name, the others under names that begin with it. Raises
        `SchemaError` for settings that make no sense."""
        raise NotImplementedError

    @classmethod
    def declared(cls, where: str, item: Any, settings: Any) -> Declared:
        """What a schema declares by this annotation and what it assigns; raises `SchemaError`."""
        if settings is None:
            try:
                settings = cls.settings_type()
            except TypeError as error:
                raise SchemaError(f"{where}: say how, by assigning {cls.needs}") from error
        if not isinstance(settings, cls.settings_type):
            hint = cls.needs or f"{cls.__name__.lower()}(...)"
            raise SchemaError(f"{where}: assign {hint}, not {type(settings).__name__}")
        return Declared(cls, item, settings)

    @property
    def document(self) -> Document:
        """The handle that it works through."""
        return self._document

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions that it is made of."""
        return tuple(self._document.region_as(spec) for spec in self._specs.values())

    def _part(self, cls: type[R], suffix: str = "") -> R:
        """The region of that suffix: the one under the pattern's own name, or one beside it."""
        region = self._document.region_as(self._specs[f"{self.name}_{suffix}" if suffix else self.name])
        assert isinstance(region, cls)
        return region
