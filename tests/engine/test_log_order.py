"""The order table of a log against the array of the CRDT library itself."""

import pycrdt
from hypothesis import given, settings
from hypothesis import strategies as st

from accordant.engine.log_order import LogOrder, Slot
from accordant.engine.update import decode_update


def _appended(order: LogOrder, update: bytes, version: int) -> None:
    for section in decode_update(update).structs.values():
        for struct in section:
            origin = struct.origin
            for n in range(struct.length):
                slot = Slot((struct.client, struct.clock + n), origin, version, n)
                order.append(slot)
                origin = slot.id


@settings(max_examples=150, deadline=None)
@given(
    st.permutations([3, 7, 11, 200]),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.booleans()), min_size=1, max_size=25),
)
def test_concurrent_appends_stand_where_yjs_puts_them(clients: list[int], script: list[tuple[int, int, bool]]) -> None:
    """Whatever peers had seen when they appended, the table's order is the array's order."""
    server = pycrdt.Doc()
    array = server.get("log", type=pycrdt.Array)
    peers = [pycrdt.Doc(client_id=client) for client in clients]
    arrays = [peer.get("log", type=pycrdt.Array) for peer in peers]
    order = LogOrder()
    label = 0
    names: dict[tuple[int, int], int] = {}
    for version, (who, count, syncs) in enumerate(script, 1):
        if syncs:
            peers[who].apply_update(server.get_update(peers[who].get_state()))
        before = peers[who].get_state()
        with peers[who].transaction():
            for _ in range(count):
                arrays[who].append(label)
                label += 1
        update = peers[who].get_update(before)
        server.apply_update(update)
        fresh = label - count
        for section in decode_update(update).structs.values():
            for struct in section:
                for n in range(struct.length):
                    names[(struct.client, struct.clock + n)] = fresh
                    fresh += 1
        _appended(order, update, version)
        assert [names[slot.id] for slot in order.slots()] == [int(item) for item in array.to_py()]
    assert [s.id for s in LogOrder.load(order.dump()).slots()] == [s.id for s in order.slots()]


def test_folding_keeps_what_came_later() -> None:
    """Compaction turns items up to its base into tombstones and leaves later ones where they were."""
    order = LogOrder()
    for n in range(4):
        order.append(Slot((1, n), (1, n - 1) if n else None, n + 1, 0))
    order.fold(2, [Slot((9, 0), None, 5, 0, is_folded=True)])
    assert [slot.id for slot in order.slots()] == [(9, 0), (1, 2), (1, 3)]
    assert len(order) == 3
    order.append(Slot((2, 0), (1, 1), 6, 0))  # appended by somebody who had not seen the compaction
    assert (2, 0) in [slot.id for slot in order.slots()]
