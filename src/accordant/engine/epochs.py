"""Whether a replica belongs to this document as it is, or to another time of it. Pure.

Every authority writes under a client id of its own, its epoch, and leaves a mark under it as soon as it takes over: so each
replica that ever synced holds something of the authority that it synced with. A replica that claims more of an authority than
this log has comes from a document of the same name that was deleted, or from a time that a restored backup does not know. It
is told before anything of either side reaches the other. What was never marked cannot be told apart: a replica that never
synced is a newcomer with edits of its own, and welcome.
"""

from __future__ import annotations

import re

from accordant.engine.ledger import Ledger
from accordant.engine.update import decode_update
from accordant.types.errors import AccordantError, EpochChanged, WireError
from accordant.types.limits import AUTHORITY_ID_END, AUTHORITY_ID_MIN

__all__ = ["check_epochs", "of_another_time"]

_AUTHORITY = re.compile(rb"(?<![\x80-\xff])([\x80-\xff]{5}[\x20-\x3f])([\x80-\xff]{0,9}[\x00-\x7f])")
"""A number from 2^40 to 2^41, which is an authority's client id, and the number behind it, which is its clock. Numbers are as
short as possible, so these are six bytes. A state vector of 4 MiB is looked through at the speed of C."""


def check_epochs(ledger: Ledger, state_vector: bytes) -> None:
    """Raises `EpochChanged` for the state vector of a replica that holds what an authority wrote in another time."""
    for found in _AUTHORITY.finditer(state_vector):
        client, clock = _number(found[1]), _number(found[2])
        if _is_unknown(ledger, client, clock):
            raise _changed(client)


def of_another_time(ledger: Ledger, update: bytes, refused: AccordantError) -> AccordantError:
    """Why the whole of what a peer has (Step 2) was really refused: because of what an authority wrote in another time, or as it
    was. The server asks before the peer does, and so the answer may come before the peer's state vector."""
    try:
        structs = decode_update(update).structs
    except WireError:
        return refused
    for client, runs in structs.items():
        if _is_unknown(ledger, client, runs[-1].clock + runs[-1].length):
            changed = _changed(client)
            changed.fields["clients"] = refused.fields.get("clients", ())
            return changed
    return refused


def _is_unknown(ledger: Ledger, client: int, end: int) -> bool:
    return AUTHORITY_ID_MIN <= client < AUTHORITY_ID_END and end > ledger.next_clock(client)


def _changed(client: int) -> EpochChanged:
    return EpochChanged(
        "this document was created anew or restored since this replica synced",
        code="epoch_changed",
        epoch=client,
        hint="throw the replica away and sync from scratch; nothing of it was merged",
    )


def _number(digits: bytes) -> int:
    return sum((digit & 0x7F) << (7 * at) for at, digit in enumerate(digits))
