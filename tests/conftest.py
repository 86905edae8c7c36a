"""What every test may ask for: Node.js with real Yjs peers, Chromium. Missing parts fail with the command to run: no skips."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

import node_tools
from node_tools import NodeRun

# A deadline measures the machine, not the code; pytest-timeout bounds the whole test.
settings.register_profile("accordant", deadline=None)
settings.load_profile("accordant")


@pytest.fixture(scope="session")
def node_bin() -> str:
    """The path of a Node.js that is new enough."""
    node = node_tools.find_node()
    if node is None:
        pytest.fail(f"Node.js {node_tools.NODE_MAJOR_MIN} or newer is missing: run `make setup`", pytrace=False)
    return node


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder that holds yjs, y-protocols, y-websocket, Hocuspocus' provider, ws and playwright-core."""
    if not node_tools.peers_installed():
        pytest.fail("tests/node/node_modules is missing or out of date: run `make setup`", pytrace=False)
    return node_tools.NODE_MODULES


@pytest.fixture(scope="session")
def chromium(node_modules: Path) -> str:
    """The path of a Chromium, which tests/node/browser_peer.mjs drives."""
    found = node_tools.find_chromium()
    if found is None:
        pytest.fail("Chromium is missing: run `make setup`", pytrace=False)
    return found


@pytest.fixture(scope="session")
def node_run(node_bin: str, node_modules: Path) -> NodeRun:
    """Runs a script of tests/node (`from node_tools import NodeRun` for its type).

    From a coroutine: `await asyncio.to_thread(node_run, "script.mjs", ...)`.
    """
    return partial(node_tools.run_script, node_bin)
