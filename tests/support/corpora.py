"""Corpora for tests: an embedder whose cosines a test chooses, a scorer that calls nothing a contradiction, and a document."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from accordant import Document
from accordant.patterns.corpus import Corpus, corpus

__all__ = ["PAIRS_APART", "Calm", "Chosen", "Hive", "facts", "hive_with"]

WIDTH = 64

PAIRS_APART = {
    "number": ("The API allows 100 requests per minute.", "The API allows 1000 requests per minute."),
    "unit": ("The cache keeps entries for 30 seconds.", "The cache keeps entries for 30 minutes."),
    "negation": ("The exporter supports nested tables.", "The exporter does not support nested tables."),
    "antonym": ("The query cache is enabled by default.", "The query cache is disabled by default."),
    "swapped roles": ("Alice reviews the pull requests of Bob.", "Bob reviews the pull requests of Alice."),
    "swapped places": (
        "The worker reads from the queue and writes to the table.",
        "The worker reads from the table and writes to the queue.",
    ),
    "environment": ("The staging database runs Postgres 15.", "The production database runs Postgres 15."),
    "version": ("Node 20 is needed to run the build.", "Node 18 is needed to run the build."),
    "label": ("Django 4.2 drops support for Python 3.7.", "Django 4.1 drops support for Python 3.7."),
    "weekday": ("The signing key rotates on Monday.", "The signing key rotates on Tuesday."),
    "date": ("The certificate expires on 12 March 2025.", "The certificate expires on 21 March 2025."),
    "must and may": ("Clients must send the tenant header.", "Clients may send the tenant header."),
    "all and some": ("All endpoints need a bearer token.", "Some endpoints need a bearer token."),
    "name": ("The billing service is owned by Priya.", "The billing service is owned by Tomas."),
    "direction": ("Move the index from disk to memory first.", "Move the index from memory to disk first."),
    "before and after": ("Run the migration before the deployment.", "Run the migration after the deployment."),
    "limit": ("Uploads take at most 10 files at once.", "Uploads take at least 10 files at once."),
    "tense": ("The gateway was written in Rust by us.", "The gateway is written in Rust by us."),
    "condition": ("Retries help if the error is transient.", "Retries help unless the error is transient."),
    "more said": ("The parser accepts trailing commas.", "The parser accepts trailing commas in arrays."),
    "prefix": ("The mailer handles encrypted attachments.", "The mailer handles unencrypted attachments."),
    "part of day": ("The backup starts every Sunday morning.", "The backup starts every Sunday night."),
    "comparison": ("HNSW indexes need more memory than IVFFlat.", "IVFFlat indexes need more memory than HNSW."),
    "siblings": ("The soft limit of open files is 65536.", "The hard limit of open files is 65536."),
    "roles of a thing": ("The payments team owns the ledger.", "The payments team uses the ledger."),
    "units in words": ("The distance is in miles in the export.", "The distance is in kilometres in the export."),
    "and and or": ("The check needs a token and a cookie.", "The check needs a token or a cookie."),
    "reason and result": (
        "The cache is cold because the pod restarts.",
        "The cache is cold so the pod restarts.",
    ),
    "few and a few": ("Few hosts have a local disk.", "A few hosts have a local disk."),
    "what only goes with": ("Only the API reads the cache.", "The API reads only the cache."),
    "all of none": ("Not all jobs of the exporter are retried.", "All jobs of the exporter are not retried."),
    "active and passive": ("The gateway is called after login.", "The gateway called after login."),
    "done and to be done": ("The invoice has been paid by Acme.", "The invoice has to be paid by Acme."),
    "forms of a word": ("The deleted user has a session.", "The deleting user has a session."),
    "certainty": ("The vendor claims that the leak is fixed.", "The vendor proved that the leak is fixed."),
    "order of protocols": ("The proxy turns HTTP into HTTPS.", "The proxy turns HTTPS into HTTP."),
    "operator": ("The guard is x >= 3 in the loop.", "The guard is x > 3 in the loop."),
    "place of a star": ("Run it at 0 2 * * 1 on the host.", "Run it at 0 2 * 1 * on the host."),
    "option": ("The option -r copies the folders.", "The option -R copies the folders."),
    "key": ("The key MAX_RETRIES sets it.", "The key max_retries sets it."),
    "end of a path": ("The route /users/ is public now.", "The route /users is public now."),
    "interval": ("The range [0, 10) is valid here.", "The range [0, 10] is valid here."),
    "code": ("Split it by `,` in the importer.", "Split it by `;` in the importer."),
    "pattern": ("The pattern `\\d+` splits the key.", "The pattern `\\D+` splits the key."),
    "case of a unit": ("The link carries 10 Mb per second.", "The link carries 10 MB per second."),
    "what is counted": ("The API takes 100 requests per minute.", "The API takes 100 uploads per minute."),
    "digits of a version": ("The version is 1.10 in the file.", "The version is 1.1 in the file."),
    "score": ("The score was 5-3 at the break.", "The score was 3-5 at the break."),
    "time zone": ("The report is sent at 06:00 UTC.", "The report is sent at 06:00 CET."),
    "sign": ("\N{WHITE HEAVY CHECK MARK} The exporter passes pytest.", "\N{CROSS MARK} The exporter passes pytest."),
    "past of a duty": ("Ann has to rotate the signing key.", "Ann had to rotate the signing key."),
    "comparison of two": ("Use the larger pool for exports.", "Use the largest pool for exports."),
    "magnitude": ("The table holds two million rows already.", "The table holds two billion rows already."),
}
"""Facts that differ in one thing, by what it is."""


class Chosen:
    """Vectors by choice: `place(text, cosine, near)` puts a text so near to another one. Others are hashed words. Counts its
    work."""

    def __init__(self, model_id: str = "chosen/1") -> None:
        self.model_id = model_id
        self.embedded: list[str] = []
        self._vectors: dict[str, np.ndarray] = {}

    def place(self, text: str, cosine: float, near: str) -> None:
        """The cosine of the two is exactly this, to the precision of float64."""
        base = self.vector(near)
        other = _unit(_random(f"beside {text}"))
        other = _unit(other - (other @ base) * base)
        self._vectors[text] = cosine * base + (1 - cosine**2) ** 0.5 * other

    def vector(self, text: str) -> np.ndarray:
        """What it has for a text."""
        if text in self._vectors:
            return self._vectors[text]
        words = [word.strip(".,") for word in text.casefold().split()]
        return _unit(sum((_random(word) for word in words), np.zeros(WIDTH)))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """One row each."""
        self.embedded.extend(texts)
        return np.array([self.vector(text) for text in texts])


class Calm:
    """A scorer that sees no contradiction anywhere: what keeps two texts apart beside it are the rules and the words alone."""

    name, version, calibrated_on, report, possible = "calm", "1", None, 0.9, 0.5

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Nothing is near."""
        return [[1.0] for _ in texts]

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Nothing contradicts."""
        return [0.0 for _ in pairs]


def hive_with(**settings: object) -> type[Document]:
    """A document class with one corpus, `knowledge`."""

    class Hive(Document):
        knowledge: Corpus = corpus(**settings)  # type: ignore[arg-type]
        other: Corpus = corpus(**settings)  # type: ignore[arg-type]

    return Hive


class Hive(Document):
    """One corpus without any model: texts are compared by their words."""

    knowledge: Corpus = corpus(embedder=None, scorer=None)


def facts(count: int) -> list[str]:
    """So many different pieces of knowledge."""
    things = "parser gateway scheduler exporter indexer mailer planner router sampler tracer".split()
    return [f"The {things[n % 10]} of module {n} listens on port {8_000 + n}." for n in range(count)]


def _random(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(WIDTH)


def _unit(row: np.ndarray) -> np.ndarray:
    return np.asarray(row / max(float(np.linalg.norm(row)), 1e-12))
