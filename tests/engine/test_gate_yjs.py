"""Real Yjs peers are never refused, and the document behind the gate ends like theirs."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pycrdt
import pytest

from node_tools import NodeRun

sys.path.insert(0, str(Path(__file__).parent / "hostile"))
from honest_hub import Hub

from accordant.types.regions import Kind, RegionSpec, Schema

XML = Schema("Page", {"xml": RegionSpec("xml", Kind.XML)})


def feed(hub: Hub, lines: bytes) -> tuple[dict[str, Any], int]:
    """Give the hub everything that the script sent; returns the script's final state and the number of updates."""
    shown = [json.loads(line) for line in lines.splitlines()]
    for line in shown[:-1]:
        hub.receive(base64.b64decode(line["update"]), line["actor"])
    return shown[-1]["state"], len(shown) - 1


def agree(hub: Hub) -> None:
    """Ledger and document say the same of every clock and every deletion."""
    assert hub.ledger.state_vector() == hub.state_vector()
    assert hub.ledger.delete_set() == hub.delete_set()


@pytest.mark.parametrize("seed", range(6))
def test_yjs_peers_are_never_refused(node_run: NodeRun, seed: int) -> None:
    """Texts, formats, maps, nested types, arrays, undo, offline merges, restarts: all of it passes and arrives."""
    hub = Hub()
    state, count = feed(hub, node_run("honest_updates.mjs", str(seed), "300", "open"))
    assert count > 100
    agree(hub)
    assert str(hub.doc.get("text", type=pycrdt.Text)) == state["text"]
    assert sorted(hub.doc.get("map", type=pycrdt.Map).keys()) == state["keys"]
    assert len(hub.doc.get("items", type=pycrdt.Array)) == state["items"]


@pytest.mark.parametrize("seed", range(3))
def test_yjs_xml_is_never_refused(node_run: NodeRun, seed: int) -> None:
    """In a region that is declared as XML, elements, attributes and formatted texts of any shape pass."""
    hub = Hub(XML)
    _, count = feed(hub, node_run("honest_updates.mjs", str(seed), "300", "xml"))
    assert count > 100
    agree(hub)
