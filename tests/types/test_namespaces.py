"""Namespaces are values compared whole; no two spellings meet, no prefix leaks (I11)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant import DocumentKey, Invalid, Namespace

labels = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20) | st.sampled_from(
    ["foo", "foobar", "FOO", "a.b", "a:b", "a%b", "a_b", "*", "a*", "x\0", "a/b", "..", " a", "é", "e\u0301", "\u202ea"]
)


def _task(tenant: str, task: str) -> Namespace | None:
    try:
        return Namespace.task(tenant, task)
    except Invalid:
        return None


@given(labels, labels, labels, labels)
def test_equal_only_when_every_segment_is_equal(a: str, b: str, c: str, d: str) -> None:
    """Neither paths nor tuples of different namespaces ever coincide."""
    one, two = _task(a, b), _task(c, d)
    if one is None or two is None:
        return
    assert (one == two) == ((a, b) == (c, d))
    assert (one.path == two.path) == (one == two)
    assert (one.as_tuple() == two.as_tuple()) == (one == two)


@given(labels, labels)
def test_paths_and_tuples_read_back(tenant: str, task: str) -> None:
    """What a URL or a foreign tuple carries is the same namespace again."""
    one = _task(tenant, task)
    if one is not None:
        assert Namespace.parse(one.path) == one
        assert Namespace.from_tuple(one.as_tuple()) == one
        assert unicodedata.normalize("NFC", one.name) == one.name


def test_the_three_shapes() -> None:
    """Task, role and shared, as URLs and as tuples."""
    assert Namespace.task("acme", "q3").path == "acme/task/q3"
    assert Namespace.role("acme", "critic").path == "acme/role/critic"
    assert Namespace.shared().path == "system/shared"
    assert Namespace.task("acme", "q3").as_tuple() == ("tenant", "acme", "task", "q3")
    assert Namespace.from_tuple(("system", "shared")) == Namespace.shared()
    assert DocumentKey.parse("acme/task/q3/brief") == DocumentKey.of(Namespace.task("acme", "q3"), "brief")
    assert DocumentKey.parse("system/shared/x").path == "system/shared/x"


@pytest.mark.parametrize(
    "bad",
    ["", ".", "..", " a", "a ", "a/b", "a\\b", "a\0b", "a\nb", "e\u0301", "\u200b", "a\u202e", "x" * 129, "\ud800"],
)
def test_a_name_that_could_be_mistaken_is_refused(bad: str) -> None:
    """Never repaired: refused, wherever it stands."""
    for make in (
        lambda: Namespace.task(bad, "t"),
        lambda: Namespace.task("t", bad),
        lambda: Namespace.role("t", bad),
        lambda: DocumentKey.of(Namespace.shared(), bad),
    ):
        with pytest.raises(Invalid):
            make()


@pytest.mark.parametrize(
    "path",
    ["", "acme", "acme/task", "acme/tasks/x", "acme/task/x/y", "system/task/x", "system/shared/", "/task/x", "acme//x"],
)
def test_anything_but_the_three_shapes_is_refused(path: str) -> None:
    """A partial tuple is not a namespace."""
    with pytest.raises(Invalid):
        Namespace.parse(path)
    with pytest.raises(Invalid):
        Namespace.from_tuple(("tenant", "acme"))


def test_a_namespace_is_not_text() -> None:
    """No string concatenation API, and no string where a namespace is meant."""
    with pytest.raises(Invalid):
        DocumentKey.of("acme/task/q3", "brief")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Namespace.shared() + "x"  # type: ignore[operator]
