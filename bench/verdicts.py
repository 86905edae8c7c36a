"""What the learned verdict costs: sentences encoded and pairs scored a second, in numpy and (where it is installed) in torch.

The torch rows run the same MiniLM through transformers, and all pairs through a CrossEncoder of MiniLM's size with random
weights: the time does not depend on what they learned. Compare rows of one run.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from measuring import Row, report

from accordant.semantic.encoder import Encoder
from accordant.semantic.own import OwnModel
from accordant.semantic.weights import encoder_folder

NOUNS = "gateway importer ledger crawler scheduler archive broker planner registry exporter".split()
SAYINGS = (
    "The {} of the {} team listens on port {} and keeps its data for {} days.",
    "After {} failed attempts the {} gives up, which the {} reports within {} minutes.",
    "Since the last release, the {} and the {} need {} GB of memory in each of the {} regions.",
)


def sentences(count: int) -> list[str]:
    """So many different technical sentences of 15 to 25 word pieces."""
    rng = random.Random(3)
    found: dict[str, None] = {}
    while len(found) < count:
        saying = rng.choice(SAYINGS)
        values = [rng.choice(NOUNS), rng.choice(NOUNS), rng.randrange(2, 9000), rng.randrange(2, 400)]
        found[saying.format(*(values if saying is not SAYINGS[1] else values[2:] + values[:2]))] = None
    return list(found)


def encoding(texts: Sequence[str]) -> Row:
    """numpy: every text once."""
    encoder = Encoder()
    encoder.embed(["warm"])
    return _row("encode, numpy", len(texts), lambda: encoder.embed(texts))


def scoring(texts: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[Row]:
    """numpy: pairs of texts that are encoded already, and the whole of it."""
    model = OwnModel()
    model.score([("warm", "up")])
    cold = _row("encode and score, numpy", len(pairs), lambda: model.score(pairs))
    return [_row("score, numpy, encoded", len(pairs), lambda: model.score(pairs)), cold]


def torch_rows(texts: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[Row]:
    """The same by torch, where it is."""
    if find_spec("sentence_transformers") is None:
        print("sentence-transformers is not installed: no torch rows", file=sys.stderr)
        return []
    from sentence_transformers import CrossEncoder, SentenceTransformer
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = str(encoder_folder())
    encoder = SentenceTransformer(folder, device="cpu")
    encoder.encode(["warm"])
    rows = [_row("encode, torch", len(texts), lambda: encoder.encode(list(texts), batch_size=32))]
    with tempfile.TemporaryDirectory() as target:
        config = BertConfig(
            hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, num_labels=3
        )
        BertForSequenceClassification(config).save_pretrained(target)
        AutoTokenizer.from_pretrained(folder).save_pretrained(target)
        crossed = CrossEncoder(target, device="cpu")
        fewer = list(pairs[: max(20, len(pairs) // 8)])
        rows.append(_row("cross-encoder, torch", len(fewer), lambda: crossed.predict(fewer, show_progress_bar=False)))
    return rows


def _row(name: str, count: int, work: Any) -> Row:
    print(f"{name} ...", file=sys.stderr)
    wall, processor = time.perf_counter(), time.process_time()
    work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "what": name,
        "count": count,
        "seconds": wall,
        "per second": count / wall,
        "per core second": count / processor,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    quick = parser.parse_args().quick
    texts = sentences(60 if quick else 1_000)
    rng = random.Random(4)
    pairs = [(one, rng.choice(texts)) for one in texts for _ in range(4)]
    rows = [encoding(texts), *scoring(texts, pairs), *torch_rows(texts, pairs)]
    report("verdicts", rows)


if __name__ == "__main__":
    main()
