"""Who plays in the demo, and on what: one brief, shared by four agents through one engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from accordant.document.document import Document
from accordant.document.regions import Counter, Guarded, Log, UnionSet
from accordant.engine.host.engine import Engine
from accordant.types.namespaces import DocumentKey, Namespace

__all__ = ["DOCUMENT", "NAMESPACE", "Account", "Brief", "Crew"]

NAMESPACE = Namespace.task("acme", "overnight")
DOCUMENT = DocumentKey.of(NAMESPACE, "brief")


class Account(BaseModel):
    """A customer's record: three facts that different agents know."""

    model_config = ConfigDict(frozen=True)

    status: str = "active"
    plan: str = "basic"
    seats: int = 10

    def __str__(self) -> str:
        return f"{self.status}, {self.plan}, {self.seats} seats"


class Brief(Document):
    """Everything the crew shares, each part with the rule by which concurrent writes meet."""

    account: Guarded[Account]
    open_questions: UnionSet[str]
    findings: Log[str]
    pages_read: Counter


@dataclass(slots=True)
class Crew:
    """The engine and everybody's handle on the brief; `others`: handles on further documents, by document and name."""

    engine: Engine
    handles: dict[str, Brief] = field(default_factory=dict)
    others: dict[tuple[str, str], Document] = field(default_factory=dict)

    @classmethod
    async def gather(cls, engine: Engine) -> Crew:
        """All four agents open the brief, and the account is there."""
        crew = cls(engine)
        for name in ("triage", "enrichment", "docs", "web"):
            await crew.join(name)
        account = crew["triage"].account
        await account.commit(Account(), expect=await account.read(), why="new customer")
        return crew

    async def join(self, name: str) -> Brief:
        """Open the brief (again) under this name."""
        self.handles[name] = await self.engine.open(Brief, NAMESPACE, DOCUMENT.name, agent=name)
        return self.handles[name]

    def __getitem__(self, name: str) -> Brief:
        return self.handles[name]
