"""The names of the patterns: the same from the package and from the room, whatever was loaded before."""

from __future__ import annotations

import inspect

import accordant
from accordant import patterns


def test_a_name_of_the_room_is_the_name_of_the_package() -> None:
    """Each is the class or function itself and never the module that is called alike, also when that module is loaded."""
    for name in sorted(set(patterns.__all__) - {"LAZY"}):
        found = getattr(patterns, name)
        assert not inspect.ismodule(found), name
        assert found is getattr(accordant, name), name
        assert getattr(patterns, name) is found, name
