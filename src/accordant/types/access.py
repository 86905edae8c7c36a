"""Who a caller is and what it may do: grants and principals. Values only; how an identity is proven is the server's business.

A grant is positive and closed: what it does not name is not allowed. Namespaces are compared segment by segment (I11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accordant.types.entries import Auth
from accordant.types.namespaces import DocumentKey

__all__ = ["ANY", "EVERYTHING", "READ", "Allowance", "Grant", "Principal"]

ANY = "*"
READ = "read"


@dataclass(frozen=True, slots=True)
class Allowance:
    """Operations on a region: the words of `OPERATIONS`, and `read`. `*` stands for all regions, or all operations."""

    region: str
    operations: frozenset[str]

    def permits(self, operation: str, region: str) -> bool:
        """Whether this names the operation on the region."""
        return self.region in (ANY, region) and (ANY in self.operations or operation in self.operations)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a principal may reach. `namespaces`: leading segments of a document's path, whole segments only; None: all.
    `allow`: None means every operation on every region."""

    namespaces: tuple[tuple[str, ...], ...] | None = None
    allow: tuple[Allowance, ...] | None = None

    def covers(self, key: DocumentKey) -> bool:
        """Whether the document is in one of the namespaces."""
        path = (*key.namespace.segments, key.name)
        return self.namespaces is None or any(path[: len(prefix)] == prefix for prefix in self.namespaces)

    def permits(self, operation: str, region: str) -> bool:
        """Whether the operation (`read` included) on this region is granted."""
        return self.allow is None or any(one.permits(operation, region) for one in self.allow)

    @property
    def outermost(self) -> set[tuple[str, ...]]:
        """The prefixes that cover all that is granted, none inside another."""
        prefixes = set(self.namespaces) if self.namespaces is not None else {()}
        return {one for one in prefixes if not any(one[:size] in prefixes for size in range(len(one)))}

    def to_json(self) -> dict[str, Any]:
        """As JSON values: what an entry and a list of grants show."""
        allow = None if self.allow is None else [[one.region, sorted(one.operations)] for one in self.allow]
        return {
            "namespaces": None if self.namespaces is None else [list(one) for one in self.namespaces],
            "allow": allow,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Grant:
        """The grant of `to_json`."""
        namespaces, allow = data["namespaces"], data["allow"]
        return cls(
            None if namespaces is None else tuple(map(tuple, namespaces)),
            None if allow is None else tuple(Allowance(region, frozenset(ops)) for region, ops in allow),
        )

    @property
    def reads_everything(self) -> bool:
        """Whether every region may be read: what a Yjs replica needs, since it holds the whole document."""
        return self.permits(READ, ANY) or self.allow is None

    @property
    def is_read_only(self) -> bool:
        """Whether nothing but reading is granted."""
        return self.allow is not None and all(one.operations <= {READ} for one in self.allow)


EVERYTHING = Grant()
"""No limits: a process's own handles, and everybody on the loopback when there are no tokens."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller at the door. `agent`: None when it did not say. `token`: the id of its token, by which it can be revoked."""

    agent: str | None
    auth: Auth = Auth.ASSERTED
    grant: Grant = field(default=EVERYTHING)
    roles: frozenset[str] = frozenset()
    token: str | None = None
    expires_at: int | None = None
