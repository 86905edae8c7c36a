"""The Node harness itself: real Yjs is there, and a script's failure is heard."""

from __future__ import annotations

from pathlib import Path

import pytest

import node_tools
from node_tools import NodeFailure, NodeRun


def test_real_yjs_answers(node_run: NodeRun) -> None:
    """A script of tests/node runs with real Yjs, gets its arguments and standard input, and gives bytes back."""
    assert node_run("echo_text.mjs", "draft", stdin="grün ✓".encode()) == "grün ✓".encode()


def test_a_failing_script_shows_its_standard_error(node_run: NodeRun) -> None:
    """A script that throws fails the test with what it said."""
    with pytest.raises(NodeFailure, match=r"usage: echo_text\.mjs"):
        node_run("echo_text.mjs")


def test_a_hanging_script_is_ended(node_run: NodeRun) -> None:
    """A script that does not end in time fails the test and is not left running."""
    with pytest.raises(NodeFailure, match="longer than"):
        node_run("echo_text.mjs", "draft", timeout_s=0.001)


def test_a_program_that_is_no_node_has_no_version(tmp_path: Path) -> None:
    """Something else that is called node, or nothing at all, is not taken for Node."""
    assert node_tools.node_major("/bin/false") == 0
    assert node_tools.node_major(str(tmp_path / "node")) == 0
