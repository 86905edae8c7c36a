"""Two nodes of a LangGraph graph race on one memory: LangGraph's own store loses an update, `DocStore` denies it, and both land.

    python demos/langgraph_store.py

Enrichment and triage read the same record. Triage marks the account as churned; enrichment, which was thinking, writes back the
whole record that it read. The nodes' code is the same for both stores. Every outcome is asserted.
"""

from __future__ import annotations

import operator
import threading
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from accordant import Conflict
from accordant.adapters.langgraph import DocStore

ACCOUNTS = ("accounts",)
WAIT_S = 20


class State(TypedDict):
    """What the nodes report."""

    said: Annotated[list[str], operator.add]


def record(store: BaseStore) -> dict[str, Any]:
    item = store.get(ACCOUNTS, "acme")
    assert item is not None
    return item.value


def graph(store: BaseStore) -> Any:
    """Both nodes in one step; both have read before either writes; triage writes first."""
    both_have_read, triage_wrote = threading.Barrier(2), threading.Event()

    def triage(state: State, *, store: BaseStore) -> dict[str, list[str]]:
        seen = record(store)
        both_have_read.wait(WAIT_S)
        store.put(ACCOUNTS, "acme", seen | {"status": "churned"})
        triage_wrote.set()
        return {"said": ["triage: the account has churned"]}

    def enrichment(state: State, *, store: BaseStore) -> dict[str, list[str]]:
        seen = record(store)
        both_have_read.wait(WAIT_S)
        triage_wrote.wait(WAIT_S)
        said = []
        while True:
            try:
                store.put(ACCOUNTS, "acme", seen | {"usage": 57})
                return {"said": [*said, "enrichment: usage is 57"]}
            except Conflict as denied:
                said.append(f"enrichment, denied: {denied.message}")
                seen = record(store)

    built = StateGraph(State)
    for name, node in (("triage", triage), ("enrichment", enrichment)):
        built.add_node(name, node)
        built.add_edge(START, name)
        built.add_edge(name, END)
    return built.compile(store=store)


def race(store: BaseStore) -> tuple[list[str], dict[str, Any]]:
    """What the nodes said, and what is in the record when both are done."""
    store.put(ACCOUNTS, "acme", {"status": "active", "usage": 41})
    said = graph(store).invoke({"said": []})["said"]
    return said, record(store)


def show(name: str, said: list[str], left: dict[str, Any]) -> None:
    print(name)
    for line in said:
        print(f"  {line}")
    print(f"  in the record: {left}\n")


def main() -> None:
    said, left = race(InMemoryStore())
    show("LangGraph's InMemoryStore", said, left)
    assert left == {"status": "active", "usage": 57}, "the churn was not lost this time?"
    with DocStore() as store:
        said, left = race(store)
        show("DocStore", said, left)
        assert any("denied" in line for line in said)
        assert left == {"status": "churned", "usage": 57}
    print("The same nodes: one store lost the churn without a word, the other has both updates.")


if __name__ == "__main__":
    main()
