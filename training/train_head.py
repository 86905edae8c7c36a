"""Train the head that ships with the package, calibrate it, and print the table that docs/MODEL-CARD.md quotes.

    pip install -r training/requirements.txt
    PYTHONPATH=src python training/train_head.py --data FOLDER --out src/accordant/semantic/head.npz

FOLDER holds `nli/*.jsonl` and `summedits/*.json`, as docs/MODEL-CARD.md names them. One busy core needs about a quarter of an
hour: a sixth of it reads the texts with MiniLM, which `--cache FILE` keeps for the next time.
"""

from __future__ import annotations

import argparse
import pickle
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from accordant.semantic.flags import PAIR_FLAGS, WORD_FLAGS, ReadWords, compared, read_words
from calibrate import calibrated, table
from generators import Pair
from model import HeadModel
from sets import Sets, load
from states import States

SEED = 20
BATCH = 96


class Batches:
    """Pairs as tensors, near lengths together."""

    def __init__(self, pairs: Sequence[Pair], states: States) -> None:
        self.pairs = pairs
        self._states = states
        self._read: dict[int, ReadWords] = {}
        self._flags = [self._flagged(pair) for pair in pairs]

    def _words(self, number: int) -> ReadWords:
        if number not in self._read:
            self._read[number] = read_words(self._states.pieces[number].words)
        return self._read[number]

    def _flagged(self, pair: Pair) -> tuple[int, int, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
        one, other = self._states.number[pair.a], self._states.number[pair.b]
        of_one, of_other, of_pair = compared(self._words(one), self._words(other))
        spread = []
        for number, rows in ((one, of_one), (other, of_other)):
            places = list(self._states.pieces[number].word_of[1:-1])
            spread.append(np.asarray(rows, np.uint8).reshape(-1, len(WORD_FLAGS))[places])
        return one, other, spread[0], spread[1], np.asarray(of_pair, np.float32)

    def in_order(self, rng: random.Random | None) -> Iterator[list[int]]:
        """Places of pairs, a batch at a time: by length, batches shuffled when there are dice."""
        noise = (lambda: rng.random() * 4) if rng else (lambda: 0.0)
        order = sorted(
            range(len(self.pairs)), key=lambda at: max(len(self._flags[at][2]), len(self._flags[at][3])) + noise()
        )
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        if rng:
            rng.shuffle(batches)
        yield from batches

    def tensors(self, places: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """States, flags, mask (first sides, then second sides), flags of pairs, labels."""
        rows = [self._flags[at] for at in places]
        sides = [(row[0], row[2]) for row in rows] + [(row[1], row[3]) for row in rows]
        longest = max(1, *(len(flags) for _, flags in sides))
        states = np.zeros((len(sides), longest, 384), np.float32)
        flags = np.zeros((len(sides), longest, len(WORD_FLAGS)), np.float32)
        mask = np.zeros((len(sides), longest), bool)
        for number, (text, flag) in enumerate(sides):
            size = max(1, len(flag))
            mask[number, :size] = True
            states[number, : len(flag)] = self._states.of(text)
            flags[number, : len(flag)] = flag
        labels = torch.tensor([float(self.pairs[at].contradicts) for at in places])
        pair = torch.from_numpy(np.stack([row[4] for row in rows])).reshape(-1, len(PAIR_FLAGS))
        return torch.from_numpy(states), torch.from_numpy(flags), torch.from_numpy(mask), pair, labels


def train(sets: Sets, states: States, epochs: int) -> HeadModel:
    """The head after so many rounds over the training pairs."""
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    model = HeadModel()
    print(
        f"{sum(part.numel() for part in model.parameters()):,} parameters, {len(sets.train):,} pairs", file=sys.stderr
    )
    batches = Batches(sets.train, states)
    steps = epochs * len(list(batches.in_order(None)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, total_steps=steps, pct_start=0.1)
    begun, done, mean = time.monotonic(), 0, 0.7
    for epoch in range(epochs):
        model.train()
        for places in batches.in_order(rng):
            *inputs, labels = batches.tensors(places)
            # Labels of contrived pairs are sure, those of people less so: a little smoothing serves both.
            with torch.autocast("cpu", torch.bfloat16):
                answers = model(*inputs)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(answers.float(), labels * 0.96 + 0.02)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            done += 1
            mean += (loss.item() - mean) / 100
            if done % 20 == 0:
                print(
                    f"\repoch {epoch + 1}, step {done:,} of {steps:,}, loss {mean:.3f}, {time.monotonic() - begun:.0f} s",
                    end="",
                    file=sys.stderr,
                )
        print(file=sys.stderr)
    return model.eval()


def logits(model: HeadModel, pairs: Sequence[Pair], states: States) -> NDArray[np.float64]:
    """The head's answers, in the pairs' order."""
    batches = Batches(pairs, states)
    found = np.zeros(len(pairs))
    with torch.inference_mode():
        for places in batches.in_order(None):
            found[places] = model(*batches.tensors(places)[:-1]).numpy()
    return found


def read(arguments: argparse.Namespace) -> tuple[Sets, States]:
    """The pairs and the states of their texts, from the cache where there is one."""
    if arguments.cache and arguments.cache.exists():
        with arguments.cache.open("rb") as file:
            sets, states = pickle.load(file)
            return sets, states
    sets = load(arguments.data, 0.02 if arguments.quick else 1.0)
    everything = [*sets.train, *(pair for pairs in sets.dev.values() for pair in pairs)]
    states = States([text for pair in everything for text in (pair.a, pair.b)])
    if arguments.cache:
        with arguments.cache.open("wb") as file:
            pickle.dump((sets, states), file, protocol=5)
    return sets, states


def main() -> None:
    """Read, train, calibrate, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with nli/ and summedits/")
    parser.add_argument("--out", type=Path, required=True, help="where the weights go: head.npz")
    parser.add_argument("--epochs", type=int, default=3, help="rounds over the training pairs (default 3)")
    parser.add_argument("--threads", type=int, default=2, help="processor cores to use (default 2)")
    parser.add_argument("--cache", type=Path, help="keep the pairs and the states of their texts in this file (2 GB)")
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the data: to see that it runs")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    sets, states = read(arguments)
    model = train(sets, states, 1 if arguments.quick else arguments.epochs)
    answers = {name: logits(model, pairs, states) for name, pairs in sets.dev.items()}
    scale = calibrated(sets.dev, answers)
    weights = {name: value.detach().numpy().astype(np.float16) for name, value in model.state_dict().items()}
    weights |= {f"calibration.{name}": np.float64(value) for name, value in scale.items()}
    np.savez_compressed(arguments.out, **weights)
    print(table(sets.dev, answers, scale))


if __name__ == "__main__":
    main()
