"""What "a store works" means: one check per promise of the `Store` contract, each over a fresh and empty store.

Run them from any test runner; nothing here imports one:

    @pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
    def test_store(check):
        asyncio.run(run_check(check, open_subject))

`open_subject` is an async context manager that gives a `Subject`: the store, open and empty, and how to let its
clock run on. The checks must not know any implementation.
"""

from __future__ import annotations

from accordant.testing.store_contract_history import HISTORY_CHECKS
from accordant.testing.store_contract_leases import LEASE_CHECKS
from accordant.testing.store_contract_log import LOG_CHECKS
from accordant.testing.store_contract_memory import MEMORY_CHECKS
from accordant.testing.store_subject import DOCUMENT, Check, Subject, raised, run_check, write

__all__ = ["DOCUMENT", "STORE_CHECKS", "Check", "Subject", "raised", "run_check", "write"]

STORE_CHECKS: tuple[Check, ...] = (*LOG_CHECKS, *HISTORY_CHECKS, *MEMORY_CHECKS, *LEASE_CHECKS)
