"""semantic/head.py and own.py: the shipped scorer. The same answer for a pair always, from either side; bounded; useful."""

from __future__ import annotations

import hashlib

import pytest

from accordant.semantic import head as module
from accordant.semantic import scorer_named
from accordant.semantic.head import HEAD_SHA256, Head, head_bytes
from accordant.semantic.own import OwnModel
from accordant.types.errors import Invalid
from minilm import HOSTILE, needs_minilm, needs_numpy

CONTRADICTIONS = [
    ("The gateway accepts connections on port 7000.", "The gateway is reachable at port 7443."),
    ("The invoices are stored for 30 days.", "We delete the invoices after one week."),
    ("The exporter is written in Rust.", "The exporter is a Go program."),
    ("Nadia owns the search index.", "The owner of the search index is Viktor."),
    ("The importer retries failed uploads.", "Failed uploads are never retried by the importer."),
    ("The beta is public.", "The beta is private: only members can see it."),
    ("The migration begins on 3 May.", "The start of the migration is planned for 17 June."),
    ("All shards have a replica.", "Two of the shards have no replica."),
]
COMPATIBLE = [
    ("The gateway accepts connections on port 7000.", "You reach the gateway at port 7000."),
    ("The gateway listens on port 7000.", "The mail relay listens on port 7443."),
    ("In production the cache holds 5,000 entries.", "In staging the cache holds 200 entries."),
    ("The exporter is written in Rust.", "The exporter logs every request."),
    ("The review was rejected in May.", "After the changes the review was approved in June."),
    ("The token is valid for 30 minutes.", "The token expires after half an hour."),
    ("Nadia owns the search index.", "Viktor owns the mail relay."),
    ("The session starts at noon.", "Lunch is served in the main hall."),
]


@pytest.fixture(scope="module")
def model() -> OwnModel:
    """One scorer for this file."""
    return OwnModel()


def test_the_weights_are_those_of_the_release() -> None:
    """The file in the package is the one that the code names, and small."""
    raw = head_bytes()
    assert hashlib.sha256(raw).hexdigest() == HEAD_SHA256
    assert len(raw) <= 2_000_000


@needs_numpy
def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was changed on the disk is refused: its verdicts would be nobody's."""
    raw = head_bytes()
    monkeypatch.setattr(module, "head_bytes", lambda: raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(Invalid) as caught:
        Head()
    assert caught.value.code == "bad_weights"


@needs_minilm
@pytest.mark.parametrize("pair", CONTRADICTIONS)
def test_contradictions_are_at_least_possible(model: OwnModel, pair: tuple[str, str]) -> None:
    """Plain contradictions, of numbers, names, denials, scopes and dates, score above `possible`."""
    assert model.score([pair])[0] >= model.possible


@needs_minilm
@pytest.mark.parametrize("pair", COMPATIBLE)
def test_compatible_statements_are_not_reported(model: OwnModel, pair: tuple[str, str]) -> None:
    """Paraphrases, other subjects, scopes and times, and further details score below `possible`."""
    assert model.score([pair])[0] < model.possible


@needs_minilm
def test_a_pair_has_one_score(model: OwnModel) -> None:
    """From either side, alone or among others, fresh or cached, in this process or a new one: to the last digit."""
    pairs = CONTRADICTIONS + COMPATIBLE
    together = model.score(pairs)
    assert together == model.score([(other, one) for one, other in pairs])
    assert together == [OwnModel().score([pair])[0] for pair in pairs]
    assert together == model.score(list(reversed(pairs)))[::-1]


@needs_minilm
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_scored(model: OwnModel, name: str) -> None:
    """Any text gives a probability, against itself and against another."""
    scores = model.score([(HOSTILE[name], HOSTILE[name]), (HOSTILE[name], "The port is open.")])
    assert all(0 <= score <= 1 for score in scores)
    assert scores[0] == 0


@needs_minilm
def test_the_scorer_is_what_the_pass_asks_for(model: OwnModel) -> None:
    """It names itself, its version and its calibration, its thresholds are in order, and nothing is an answer to nothing."""
    assert scorer_named().version == model.version == f"{HEAD_SHA256[:12]}-{model.report}"
    assert model.calibrated_on
    assert 0 < model.possible <= model.report < 1
    assert model.score([]) == []
    assert model.embed(["a", "b"]).shape == (2, 384)
