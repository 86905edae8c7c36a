"""The corpus that a command names, `acme/role/backend/hive#knowledge`, opened on an engine with its gate in force."""

from __future__ import annotations

from accordant.document.document import Document
from accordant.engine.host.engine import Engine
from accordant.patterns.corpus import Corpus, corpus
from accordant.types.errors import Invalid, SchemaError
from accordant.types.namespaces import DocumentKey

__all__ = ["CURATOR", "REGION", "document_class", "opened", "place_of"]

REGION = "knowledge"
"""Where a corpus is looked for that is named by its document alone."""

CURATOR = "curator"
"""The role that may collapse."""

_KEEPER = "knowledge"
"""Under which name a server holds the document open."""


def place_of(text: str) -> tuple[DocumentKey, str]:
    """The document and the region that are named; raises `Invalid`."""
    document, hash_, region = text.partition("#")
    if hash_ and not region:
        raise Invalid(f"{text!r} names no region behind #", code="bad_name", hint="acme/role/backend/hive#knowledge")
    return DocumentKey.parse(document), region or REGION


def document_class(region: str) -> type[Document]:
    """A document with one corpus of that name, set up as `corpus()` does."""
    try:
        members = {"__annotations__": {region: Corpus}, region: corpus(), "__module__": __name__}
        return type("Knowledge", (Document,), members)
    except SchemaError as error:
        raise Invalid(f"{region!r} cannot be a corpus' name: {error.message}", code="bad_name") from error


async def opened(engine: Engine, text: str, *, agent: str = _KEEPER, curates: bool = False) -> Corpus:
    """The corpus, made when missing, declared so that the gate judges whoever writes it; raises what `Engine.open` raises."""
    key, region = place_of(text)
    roles = {CURATOR} if curates else ()
    handle = await engine.open(document_class(region), key.namespace, key.name, agent=agent, roles=roles, shared=True)
    # Validators live in the class, not in the log: whatever ends this handle's session, a document put away would lose them.
    (await engine.host(key)).subscribe(_ignore)
    found = getattr(handle, region)
    assert isinstance(found, Corpus)
    return found


def _ignore(entries: object) -> None:
    """Whoever listens keeps the document loaded."""
