"""How two outlines differ: applying what is said gives the newer text, whatever the texts are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.engine import differences
from accordant.engine.differences import compare
from accordant.types.past import Piece

LINES = st.lists(st.sampled_from(["", "a", "b", "ab 4.1", "ab 5.3", "😀 x"]), max_size=8).map("\n".join)


def outlined(text: str, version: int, **fields: Any) -> dict[str, Any]:
    runs = [[0, len(text), "ada", version]] if text else []
    shown = {"kind": "text", "version": version, "by": "ada", "at": 0, "value": text, "runs": runs}
    rows = {path: {"value": value, "version": version, "by": "ada", "at": 0} for path, value in fields.items()}
    return {"version": version, "regions": {"draft": shown}, "fields": rows}


def applied(old: str, pieces: tuple[Piece, ...]) -> str:
    """The newer text, from the older one's lines and the pieces, which stand in order with the newer text's line numbers."""
    before, lines = old.splitlines(keepends=True), list[str]()
    for piece in pieces:
        while len(lines) < int(piece.name) - 1:
            lines.append(before.pop(0))
        gone = (piece.old or "").splitlines(keepends=True)
        assert before[: len(gone)] == gone
        del before[: len(gone)]
        lines += (piece.new or "").splitlines(keepends=True)
    return "".join([*lines, *before])


@given(LINES, LINES)
def test_pieces_turn_the_older_text_into_the_newer(old: str, new: str) -> None:
    """Line by line, and inside a line by its spans."""
    changes = compare(outlined(old, 1), outlined(new, 2))
    if old == new:
        assert changes == []
        return
    [change] = changes
    assert applied(old, change.pieces) == new
    for piece in change.pieces:
        if piece.spans:
            assert piece.old is not None
            assert piece.new is not None
            text, at = "", 0
            for start, end, low, high in piece.spans:
                text, at = text + piece.old[at:start] + piece.new[low:high], end
            assert text + piece.old[at:] == piece.new


def test_what_is_too_much_is_one_piece_or_owned_up_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text is one piece from its first to its last difference; of too many pieces the first are named."""
    monkeypatch.setattr(differences, "DIFF_LINES_MAX", 4)
    old, new = "".join(f"{n}\n" for n in range(9)), "".join(f"{n * 2}\n" for n in range(9))
    [change] = compare(outlined(old, 1), outlined(new, 2))
    assert applied(old, change.pieces) == new
    monkeypatch.setattr(differences, "DIFF_PIECES_MAX", 2)
    [_, change] = compare(outlined("", 1), outlined("x", 2, **{f"tasks/{n}": n for n in range(5)}))
    assert (change.region, change.kind, change.act, len(change.pieces), change.is_complete) == (
        "tasks", "guarded_map", "added", 2, False,
    )  # fmt: skip


def test_a_field_that_went_is_removed() -> None:
    """Old and new values; nobody is named for what is not there any more."""
    [change] = compare(outlined("", 1, account="pro"), outlined("", 2))
    assert (change.act, change.kind) == ("removed", "guarded")
    assert change.pieces == (Piece("account", "pro", None),)


def test_nobody_is_named_who_wrote_before() -> None:
    """A hunk of unlike line counts holds old characters too: only who came after the older version is responsible."""
    old = outlined("a\nb\n", 1)
    new = outlined("a\nx b\nc\n", 5)
    new["regions"]["draft"]["runs"] = [[0, 2, "ada", 1], [2, 4, "bob", 4], [4, 6, "ada", 1], [6, 8, "cyd", 5]]
    [change] = compare(old, new)
    assert {(one.version, one.actor) for piece in change.pieces for one in piece.by} == {(4, "bob"), (5, "cyd")}
