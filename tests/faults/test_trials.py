"""Convergence under faults: random peers, edits, drops and kills. `python bench/convergence.py` runs six hundred seeds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from trials import Trial


@pytest.mark.parametrize("first", range(0, 20, 5))
def test_replicas_converge_and_nothing_acknowledged_is_lost(first: int, tmp_path: Path) -> None:
    """Whatever drops, comes late, twice, or dies: all replicas are equal, and every acknowledged write is there once."""
    for seed in range(first, first + 5):
        outcome = asyncio.run(asyncio.wait_for(Trial(seed, tmp_path, 60, False).run(), 50))
        assert outcome.faults == (), f"seed {seed}"


@pytest.mark.parametrize("seed", [1000, 1001, 1002])
def test_a_server_killed_for_real_loses_nothing(seed: int, tmp_path: Path) -> None:
    """The same with a server process that gets SIGKILL and starts again on the same file."""
    outcome = asyncio.run(asyncio.wait_for(Trial(seed, tmp_path, 80, True).run(), 50))
    assert outcome.faults == (), f"seed {seed}"
