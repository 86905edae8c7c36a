"""semantic/encoder.py and wordpiece.py: MiniLM in numpy, the same for a text wherever it stands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from accordant.semantic import encoder as module
from accordant.semantic.encoder import Encoder
from accordant.semantic.weights import encoder_folder
from accordant.semantic.wordpiece import WordPiece
from accordant.types.coherence_limits import PIECES_MAX
from minilm import HOSTILE, needs_minilm

pytestmark = needs_minilm

TEXTS = [
    "The gateway listens on port 8080.",
    "Port 8080 is where the gateway accepts connections.",
    "The committee will meet again in the autumn.",
    "Die Sitzung findet am Montag statt.",
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """One encoder for this file."""
    return Encoder()


def test_near_sentences_are_near(encoder: Encoder) -> None:
    """A paraphrase is nearer than another subject, and vectors have unit length."""
    vectors = encoder.embed(TEXTS)
    near = vectors @ vectors.T
    assert near[0, 1] > 0.7 > 0.3 > near[0, 2]
    assert near.diagonal() == pytest.approx(1, abs=1e-5)


def test_a_text_has_the_same_bits_whatever_stands_beside_it() -> None:
    """Vectors and states depend on the text alone: not on the batch, its order, or whether they come from the cache."""
    alone = [Encoder().encode([text])[0] for text in TEXTS]
    shared = Encoder()
    together = shared.encode([*reversed(TEXTS), *(f"Sentence number {n} of a long batch." for n in range(60))])[3::-1]
    again = shared.encode(TEXTS)
    for one, two, three in zip(alone, together, again, strict=True):
        assert (one.states == two.states).all()
        assert (one.vector == two.vector).all()
        assert three is two


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_encoded(encoder: Encoder, name: str) -> None:
    """Any text gives a finite vector, and no more states than the bound."""
    [encoded] = encoder.encode([HOSTILE[name]])
    assert abs(float(encoded.vector @ encoded.vector) - 1) < 1e-4
    assert len(encoded.states) == len(encoded.word_of) <= PIECES_MAX
    assert set(encoded.word_of) == set(range(len(encoded.words)))


def test_nothing_gives_nothing(encoder: Encoder) -> None:
    """No texts are no rows, not an error."""
    assert encoder.embed([]).shape == (0, 384)


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bound the longest unused texts go, and are encoded again when they are asked for."""
    monkeypatch.setattr(module, "ENCODED_PIECES_MAX", 30)
    small = Encoder()
    first = small.encode(TEXTS[:1])[0]
    small.encode(TEXTS)
    assert small.kept_pieces <= 30
    again = small.encode(TEXTS[:1])[0]
    assert again is not first
    assert (again.vector == first.vector).all()


def test_pieces_know_their_words() -> None:
    """A word that the vocabulary lacks becomes several pieces of one word, written as it was; accents do not matter."""
    words = WordPiece(["[UNK]", "[CLS]", "[SEP]", "gate", "##way", "cafe", "."])
    pieces = words.pieces("Gateway Café zzz.")
    assert pieces.ids == (1, 3, 4, 5, 0, 6, 2)
    assert pieces.word_of == (-1, 0, 0, 1, 2, 3, -1)
    assert pieces.words == ("Gateway", "Café", "zzz", ".")


def test_pieces_are_those_of_the_reference() -> None:
    """Every text of ordinary kinds has the ids that the reference tokenizer gives it."""
    reference = pytest.importorskip("tokenizers", reason="compared with the tokenizers package where that is installed")
    folder = encoder_folder()
    theirs = reference.Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs.no_padding()
    theirs.no_truncation()
    ours = WordPiece((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    texts = [*TEXTS, *(text for text in HOSTILE.values() if len(text) < 100 and "\ud800" not in text)]
    texts += ["don't e-mail foo_bar@x.io: 12.5% (≈ 3/4) — naïve “quotes”…", "v2.0.1-rc1 costs $5 & 7€"]
    for text in texts:
        assert list(ours.pieces(text).ids) == theirs.encode(text).ids, text


def test_the_encoder_loads_no_torch() -> None:
    """Encoding loads numpy and nothing larger."""
    program = (
        "import sys\n"
        "from accordant.semantic.encoder import Encoder\n"
        "Encoder().embed(['a'])\n"
        "print(*{name.split('.')[0] for name in sys.modules} & {'torch', 'transformers', 'sentence_transformers'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.split() == []
