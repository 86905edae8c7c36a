"""The shipped contract suite over both stores."""

from __future__ import annotations

import asyncio

import pytest
from subjects import SUBJECTS

from accordant.testing.store_contract import STORE_CHECKS, Check, run_check


@pytest.mark.parametrize("kind", SUBJECTS)
@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_the_store_keeps_the_contract(check: Check, kind: str) -> None:
    """Every store keeps every promise of the contract."""
    asyncio.run(run_check(check, SUBJECTS[kind]))
