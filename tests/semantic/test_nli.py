"""semantic/nli.py: a CrossEncoder of sentence-transformers as a scorer, on a small model that the test makes itself."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from accordant.semantic import nli
from accordant.semantic.nli import NliModel
from accordant.types.errors import AccordantError, Invalid

needs_torch = pytest.mark.skipif(
    find_spec("sentence_transformers") is None,
    reason="sentence-transformers is not installed: pip install 'accordant[semantic]' to test the path to its models",
)
foreign = pytest.mark.filterwarnings("default")  # warnings of torch and transformers are not ours to mend

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "port", "is", "open", "closed", "8080", "9090", "."]


def saved(folder: Path, labels: list[str]) -> str:
    """A tiny BERT with random weights and those classes, saved as sentence-transformers saves its models."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

        torch.manual_seed(1)
        config = BertConfig(
            vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            id2label=dict(enumerate(labels)), label2id={label: number for number, label in enumerate(labels)},
        )  # fmt: skip
        folder.mkdir()
        (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
        BertForSequenceClassification(config).save_pretrained(folder)
        BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


@needs_torch
@foreign
def test_the_class_is_found_by_its_name(tmp_path: Path) -> None:
    """Wherever a model keeps its contradiction class, that class is read, and a pair scores the same from either side."""
    pairs = [("the port is open .", "the port is closed ."), ("port 8080", "port 9090")]
    turned = [(other, one) for one, other in pairs]
    first = NliModel(saved(tmp_path / "one", ["contradiction", "entailment", "neutral"]), local_files_only=True)
    last = NliModel(saved(tmp_path / "two", ["entailment", "neutral", "CONTRADICTION"]), local_files_only=True)
    for model in (first, last):
        scores = model.score(pairs)
        assert scores == model.score(turned) == NliModel(model.name.split(":", 1)[1]).score(pairs)
        assert all(0 < score < 1 for score in scores)
    assert first.score(pairs) != last.score(pairs)
    assert first.version != last.version


@needs_torch
@foreign
def test_hostile_texts_are_scored(tmp_path: Path) -> None:
    """A megabyte, nothing, and half a character give a probability, and only the beginning of a text is read."""
    model = NliModel(saved(tmp_path / "one", ["contradiction", "entailment", "neutral"]), local_files_only=True)
    scores = model.score([("", ""), ("port " * 200_000, "the"), ("\ud800", "the")])
    assert all(0 < score < 1 for score in scores)
    assert model.score([]) == []


@needs_torch
@foreign
def test_a_model_without_the_class_is_refused(tmp_path: Path) -> None:
    """A model that names no contradiction class is refused by its classes, and a folder without a model by its name."""
    with pytest.raises(Invalid) as caught:
        NliModel(saved(tmp_path / "one", ["LABEL_0", "LABEL_1", "LABEL_2"]), local_files_only=True)
    assert (caught.value.code, "LABEL_1" in str(caught.value)) == ("no_contradiction_class", True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Invalid) as caught:
        NliModel(str(tmp_path / "empty"), local_files_only=True)
    assert caught.value.code == "no_model"


def test_thresholds_are_checked() -> None:
    """Thresholds that make no sense are refused before anything is loaded."""
    with pytest.raises(Invalid):
        NliModel("no-such-model", report=0.5, possible=0.9)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sentence-transformers the error names the extra to install."""
    import sys

    without: Any = None
    monkeypatch.setitem(sys.modules, "sentence_transformers", without)
    with pytest.raises(AccordantError) as caught:
        nli.NliModel("cross-encoder/nli-deberta-v3-small")
    assert caught.value.code == "missing_extra"
    assert "pip install 'accordant[semantic]'" in str(caught.value)
