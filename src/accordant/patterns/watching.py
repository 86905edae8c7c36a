"""What a knowledge source watches: regions, paths, patterns of paths; and which version of it a cut shows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from accordant.types.errors import Invalid
from accordant.types.memory_limits import EVENT_REGIONS_MAX
from accordant.types.regions import COHERENCE, Kind
from accordant.types.snapshots import Cut, RegionCut
from accordant.types.values import is_text

__all__ = ["OWN_REGIONS", "Newest", "Watched", "newest_of", "regions_to_follow"]

OWN_REGIONS = frozenset({"firings", "turns", COHERENCE})
"""What schedulers and coherence passes write for themselves: it wakes nobody who does not name it."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest write to what is watched: version 0 where there is none."""

    version: int = 0
    path: str = ""
    by: str | None = None

    def __str__(self) -> str:
        return f"{self.path} v{self.version} by {self.by or '?'}" if self.version else "nothing was written yet"


class Watched:
    """`regions`: names, or paths such as `tasks/7`. `topics`: patterns of paths, in which `*` stands for anything but `/` and
    `**` for anything: `evidence/**` is the region and all of its keys. Neither: the whole document but for what schedulers
    write."""

    def __init__(self, regions: Iterable[str] = (), topics: Iterable[str] = ()) -> None:
        self.paths = tuple(dict.fromkeys(regions))
        self.topics = tuple(dict.fromkeys(topics))
        for path in (*self.paths, *self.topics):
            if not is_text(path) or not path or len(path) > 1_024:
                raise Invalid(f"{path!r} is no region, path or topic", code="bad_regions")
        self._patterns = tuple(map(_pattern, self.topics))

    def __call__(self, path: str) -> bool:
        """Whether this path, as an event names it, is watched."""
        if not self.paths and not self.topics:
            return path.partition("/")[0] not in OWN_REGIONS
        region = path.partition("/")[0]
        return path in self.paths or region in self.paths or any(one.fullmatch(path) for one in self._patterns)

    def names(self, region: str) -> bool:
        """Whether it names this region, or some of it, itself: whoever watches everything does not."""
        roots = self.roots
        return any(one.fullmatch(region) for one in self._patterns) or (roots is not None and region in roots)

    @property
    def roots(self) -> frozenset[str] | None:
        """The regions that this is within; None where that cannot be said."""
        names = {one.partition("/")[0] for one in (*self.paths, *self.topics)}
        return None if not names or any("*" in one for one in names) else frozenset(names)

    def newest(self, cut: Cut) -> Newest:
        """The newest write to any of it."""
        return max(self._versions(cut), key=lambda one: one.version, default=Newest())

    def within(self, cut: Cut) -> tuple[str, ...]:
        """The regions and paths that it names, and those that its topics fit."""
        return tuple(dict.fromkeys((*self.paths, *(one.path for one in self._versions(cut)))))

    def _versions(self, cut: Cut) -> Iterator[Newest]:
        if not self.paths and not self.topics:
            for name, region in cut.regions.items():
                if name not in OWN_REGIONS:
                    yield newest_of(name, region)
            return
        for path in self.paths:
            name, slash, key = path.partition("/")
            found = cut.regions.get(name)
            if found is not None and not slash:
                yield newest_of(name, found)
            elif found is not None and key in found.fields:
                yield Newest(found.fields[key].version, path, found.fields[key].by)
        for name, region in cut.regions.items() if self._patterns else ():
            if any(one.fullmatch(name) for one in self._patterns):
                yield newest_of(name, region)
                continue
            for child, field in region.fields.items():
                full = f"{name}/{child}"
                if child is not None and any(one.fullmatch(full) for one in self._patterns):
                    yield Newest(field.version, full, field.by)


def newest_of(name: str, region: RegionCut) -> Newest:
    """The newest write to a region. Of a map: to one of its keys; that a claim is renewed, every few seconds, is none."""
    if region.kind is not Kind.GUARDED_MAP or not region.fields:
        return Newest(region.version, name, region.by)
    field = max(region.fields.values(), key=lambda one: one.version)
    return Newest(field.version, name, field.by)


def regions_to_follow(all_watched: Iterable[Watched], also: Iterable[str] = ()) -> tuple[str, ...]:
    """The regions to subscribe to so that no event of these is missed; empty: all."""
    names: set[str] = set(also)
    for watched in all_watched:
        if watched.roots is None:
            return ()
        names |= watched.roots
    return tuple(sorted(names)) if len(names) <= EVENT_REGIONS_MAX else ()


def _pattern(topic: str) -> re.Pattern[str]:
    tree = topic.endswith("/**")
    parts = re.split(r"(\*+)", topic.removesuffix("/**"))
    text = "".join(("[^/]*" if one == "*" else ".*") if one.startswith("*") else re.escape(one) for one in parts)
    return re.compile(f"{text}(?:/.*)?" if tree else text, re.DOTALL)
