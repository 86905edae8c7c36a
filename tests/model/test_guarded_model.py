"""Guarded fields against a plain model, and the model against broken guards: each of them must be caught (W12, I4, I6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from guarded_model import GuardedModel
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from accordant.engine import guard
from accordant.engine.guard import Field, Reader
from accordant.engine.machine import Machine
from accordant.engine.sessions import Session
from accordant.engine.state import DocumentState
from accordant.types.commands import Submission, Write
from accordant.types.entries import Entry
from accordant.types.errors import Fenced
from accordant.types.readings import Token

THOROUGH = settings(
    max_examples=250,
    stateful_step_count=60,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # explaining takes longer than finding
)
SEARCHING = settings(
    THOROUGH, max_examples=2_000, derandomize=True, phases=[Phase.generate], print_blob=False, database=None
)


@pytest.mark.timeout(180)
def test_guarded_fields_do_what_the_model_says() -> None:
    """Whatever agents, clocks, restarts and restored copies do: one winner per version, and everybody else is told why not."""
    run_state_machine_as_test(GuardedModel, settings=THOROUGH)


# -- mutants -------------------------------------------------------------------------------------------------------


@contextmanager
def no_version_check() -> Iterator[type[Machine]]:
    """Whoever writes wins, whatever it had read."""
    check = guard._check_expectation

    def forgiving(write: Write, field: Field, reader: Reader) -> None:
        token = write.expect
        check(write if token is None else replace(write, expect=replace(token, version=field.version)), field, reader)

    with patch.object(guard, "_check_expectation", forgiving):
        yield Machine


@contextmanager
def no_generation_check() -> Iterator[type[Machine]]:
    """A matching version number is enough, even from a generation that has ended."""
    check = guard.check_token

    def forgiving(token: Token, path: str, reader: Reader) -> None:
        check(token, path, replace(reader, lives=lambda generation: True))

    with patch.object(guard, "check_token", forgiving):
        yield Machine


@contextmanager
def no_epoch_check() -> Iterator[type[Machine]]:
    """A token from before a restart or a restored copy is taken for a present one."""
    check = guard.check_token

    def forgiving(token: Token, path: str, reader: Reader) -> None:
        check(replace(token, epoch=reader.epoch), path, reader)

    with patch.object(guard, "check_token", forgiving):
        yield Machine


@contextmanager
def zombies_admitted() -> Iterator[type[Machine]]:
    """A session that has ended may go on."""

    class Admitting(Machine):
        def _living(self, session_id: str, now: int, path: str = "") -> Session:
            try:
                return super()._living(session_id, now, path)
            except Fenced:
                ended = self.sessions.ended(session_id)
                if ended is None:
                    raise
                return ended

    yield Admitting


@contextmanager
def no_atomicity() -> Iterator[type[Machine]]:
    """The writes of a transaction land one by one until one is denied."""

    class OneByOne(Machine):
        def _land(self, session: Session, submission: Submission, now: int, effects: Any, evidence: Any) -> Any:
            for n, write in enumerate(submission.writes[:-1]):
                part = replace(submission, writes=(write,), op_id=f"{submission.op_id}.{n}")
                super()._land(session, part, now, effects, evidence)
            return super()._land(session, replace(submission, writes=submission.writes[-1:]), now, effects, evidence)

    yield OneByOne


@contextmanager
def versions_start_again_after_a_delete() -> Iterator[type[Machine]]:
    """A deleted field is forgotten with its version."""
    record = DocumentState._record_write

    def forgetful(state: DocumentState, entry: Entry, plan: Any) -> None:
        record(state, entry, plan)
        for op in entry.ops:
            if op.op == "delete":
                state.fields[op.path] = Field(by=entry.actor)

    with patch.object(DocumentState, "_record_write", forgetful):
        yield Machine


@contextmanager
def retries_land_again() -> Iterator[type[Machine]]:
    """An op id is not remembered."""

    class Forgetful(Machine):
        def _submit(self, command: Any, now: int, effects: Any) -> Any:
            self.state.op_ids.clear()
            return super()._submit(command, now, effects)

    yield Forgetful


@contextmanager
def claims_never_end() -> Iterator[type[Machine]]:
    """A claim is in force until it is released, whatever its deadline and its holder."""
    with patch.object(Field, "holder", lambda field, now, lives: field.claim):
        yield Machine


MUTANTS = [
    no_version_check,
    no_generation_check,
    no_epoch_check,
    zombies_admitted,
    no_atomicity,
    versions_start_again_after_a_delete,
    retries_land_again,
    claims_never_end,
]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_model_catches_a_broken_guard(mutant: Callable[[], Any]) -> None:
    """Each check that the guard could forget lets something land, or be lost, that the model does not expect."""
    with mutant() as machine_class:
        # Two lives whose version and generation numbers coincide are rare, so there the wrong reason is found first.
        judges_reasons = mutant is no_epoch_check
        broken = type("Broken", (GuardedModel,), {"machine_class": machine_class, "judges_reasons": judges_reasons})
        with pytest.raises(AssertionError):
            run_state_machine_as_test(broken, settings=SEARCHING)
