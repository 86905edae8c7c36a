"""Clean technical pages by seed, out of a small world in which every attribute has one value, and slips planted in them.

A world is one fictional product: services, environments, releases, people, meetings. Pages tell its facts, often twice in
other words, and are full of near misses: another service, environment, version, time or condition with another value.
So no page contradicts itself. `planted` adds one statement that does, or one that only looks as if it did.
"""

# ruff: noqa: E501 - a statement and its twin read better side by side
from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

Page = tuple[str, str]
"""A name and a Markdown text."""

_SERVICES = """switchboard dispatcher harvester mailer archiver router notifier importer exporter drafter ledger crawler
renderer resolver balancer collector watcher catalog vault registry""".split()
_PLANTED = "turnstile beacon courier foundry lantern carousel".split()
_PEOPLE = (
    "Alice Bruno Chandra Dmitri Elena Farid Greta Hiro Ines Jonas Keiko Liam Mona Nadia Oskar Petra Quinn Rosa".split()
)
_REGIONS = ["Frankfurt", "Virginia", "Dublin", "Singapore", "Oregon", "Tokyo", "Stockholm"]
_LANGUAGES = ["Go", "Rust", "Python", "Kotlin", "Elixir", "TypeScript"]
_STORES = ["PostgreSQL", "MySQL", "Redis", "SQLite", "Cassandra", "DynamoDB"]
_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday".split()


@dataclass
class Service:
    """One service and the one value of each of its attributes."""

    name: str
    port: int
    owner: str
    region: str
    language: str
    store: str
    timeout: int
    retries: int
    replicas: int
    staging_replicas: int
    memory: int
    retention: int
    p50: int
    p99: int
    coverage: int
    quota: int
    cached: bool
    public: bool
    signed: bool
    launch: str
    window: str


@dataclass
class World:
    """One product. `rng` decides wording and order; the facts are fixed when the world is made."""

    rng: random.Random
    services: list[Service] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int) -> World:
        """The world of that seed."""
        rng = random.Random(seed)
        world = cls(rng)
        ports = rng.sample(range(3000, 9999), 8)
        for name, port in zip(rng.sample(_SERVICES, 6), ports, strict=False):
            p50 = rng.randrange(5, 90)
            world.services.append(
                Service(
                    name, port, rng.choice(_PEOPLE), rng.choice(_REGIONS), rng.choice(_LANGUAGES), rng.choice(_STORES),
                    rng.choice((2, 5, 10, 30, 45)), rng.choice((2, 3, 4, 5, 8)), rng.choice((3, 5, 7)), rng.choice((1, 2)),
                    rng.choice((256, 512, 1024, 2048)), rng.choice((7, 14, 30, 90)), p50, p50 * rng.randrange(3, 8),
                    rng.randrange(55, 98), rng.choice((60, 100, 250, 600)), rng.random() < 0.5, rng.random() < 0.4,
                    rng.random() < 0.5, f"{rng.randrange(1, 28)} {rng.choice(_MONTHS)} 2026",
                    f"{rng.randrange(1, 6):02d}:{rng.choice(('00', '15', '30', '45'))}",
                )
            )  # fmt: skip
        return world


def _facts(world: World, s: Service) -> list[str]:
    """What is true of a service, each fact in one of several wordings."""
    n, pick = s.name, world.rng.choice
    half = "half a gigabyte" if s.memory == 512 else f"{s.memory} MB"
    return [
        pick((f"The {n} listens on port {s.port}.", f"Port {s.port} is where the {n} accepts connections.")),
        pick((f"{s.owner} owns the {n}.", f"The {n} is owned by {s.owner}.", f"The owner of the {n} is {s.owner}.")),
        pick((f"The {n} runs in {s.region}.", f"The {n} is deployed in {s.region}.")),
        pick((f"The {n} is written in {s.language}.", f"We wrote the {n} in {s.language}.")),
        pick((f"The {n} keeps its data in {s.store}.", f"{s.store} is the primary store of the {n}.")),
        pick((f"Requests to the {n} time out after {s.timeout} seconds.", f"The timeout of the {n} is {s.timeout} s.")),
        pick((f"The {n} retries failed calls up to {s.retries} times.", f"The retry limit of the {n} is {s.retries}.")),
        pick((f"In production the {n} has {s.replicas} replicas.", f"The production {n} has {s.replicas} replicas.")),
        pick(
            (f"In staging the {n} has {s.staging_replicas} replicas.", f"Staging runs {s.staging_replicas} of the {n}.")
        ),
        pick(
            (f"Each {n} process gets {half} of memory.", f"Every process of the {n} is given {s.memory} MB of memory.")
        ),
        pick(
            (f"Logs of the {n} are kept for {s.retention} days.", f"The {n} deletes its logs after {s.retention} days.")
        ),
        pick((f"The median latency of the {n} is {s.p50} ms.", f"Half of the calls to the {n} end within {s.p50} ms.")),
        pick((f"The 99th percentile latency of the {n} is {s.p99} ms.", f"The p99 of the {n} is about {s.p99} ms.")),
        pick((f"Test coverage of the {n} stands at {s.coverage}%.", f"{s.coverage}% of the {n} is covered by tests.")),
        pick(
            (
                f"A key may send {s.quota} requests per minute to the {n}.",
                f"The {n} allows {s.quota} requests per minute.",
            )
        ),
        f"The {n} caches its answers." if s.cached else f"The {n} does not cache its answers.",
        f"The API of the {n} is public." if s.public else f"The API of the {n} is private.",
        f"The {n} signs its messages." if s.signed else f"Messages of the {n} are not signed.",
        pick((f"The {n} goes live on {s.launch}.", f"The launch of the {n} is on {s.launch}.")),
        pick(
            (
                f"The nightly job of the {n} starts at {s.window} UTC.",
                f"At {s.window} UTC the {n} runs its nightly job.",
            )
        ),
    ]


def _near(world: World, s: Service) -> list[str]:
    """True statements that stand close to the facts: past values, plans, conditions, exceptions, parts, hedges."""
    n, rng = s.name, world.rng
    other = rng.choice([one for one in world.services if one is not s]).name
    return [
        f"Until {rng.choice(_MONTHS)} 2025 the retry limit of the {n} was {s.retries + 2}.",
        f"Last year the {n} had one replica.",
        f"Version 1 of the {n} used {rng.choice([x for x in _STORES if x != s.store])}.",
        f"If the cache is cold, the median latency of the {n} rises to {s.p50 * 4} ms.",
        f"During an incident the timeout of the {n} may be set to {s.timeout * 2} seconds.",
        f"In the test environment the timeout of the {n} is {s.timeout + 1} seconds.",
        f"Audit logs of the {n} are kept for {s.retention * 4} days.",
        f"The health check of the {n} does not require authentication.",
        f"All endpoints of the {n} return JSON, except the export endpoint.",
        f"The export endpoint of the {n} does not return JSON but CSV.",
        f"We may move the {n} to {rng.choice([x for x in _REGIONS if x != s.region])} next year.",
        f"A second copy of the {n} for disaster recovery runs in {rng.choice([x for x in _REGIONS if x != s.region])}.",
        f"{rng.choice([x for x in _PEOPLE if x != s.owner])} reviews the changes of the {n}.",
        f"The {n} calls the {other}, and the {other} never calls the {n} back.",
        f"Two of the {s.replicas} replicas of the {n} must acknowledge a write.",
        f"The build of the {n} failed on Monday.",
        f"The build of the {n} passed on Tuesday after the fix.",
        f"Only admins can delete records of the {n}.",
        f"Guests may read public records of the {n}.",
        f"The {n} was rewritten because the old one was slower.",
        f"Free accounts may store 1 GB in the {n}.",
        f"Paid accounts may store 100 GB in the {n}.",
        f"Clients of the {n} should not retry on error 409.",
        f"Clients of the {n} should retry on error 503.",
        f"Memory use of the {n} went up from {s.memory // 2} MB to {s.memory // 2 + 40} MB after the upgrade.",
        f"The first load test of the {n} was a failure.",
        f"The second load test of the {n} succeeded.",
        f"The load test of the {n} is on {rng.randrange(1, 28)} {rng.choice(_MONTHS)} 2026.",
        f"The old dashboard of the {n} is closed, the new one is open to everyone.",
        f"Small uploads to the {n} are synchronous.",
        f"Uploads above 50 MB to the {n} are asynchronous.",
        f"The {n} depends on the {other}.",
        f"Some calls to the {n} are batched.",
    ]


def _readme(world: World, s: Service) -> str:
    lines = _facts(world, s)
    world.rng.shuffle(lines)
    more = world.rng.sample(_near(world, s), 8)
    return (
        f"# {s.name.capitalize()}\n\n{' '.join(lines[:5])}\n\n## Running it\n\n{' '.join(lines[5:10])} {' '.join(more[:3])}\n\n"
        f"## Limits\n\n" + "\n".join(f"- {line}" for line in lines[10:15]) + f"\n\n## Notes\n\n{' '.join(more[3:])}\n"
    )


def _runbook(world: World, s: Service) -> str:
    near, facts = _near(world, s), _facts(world, s)
    steps = [
        f"Check that the {s.name} answers on port {s.port}.",
        "Open the dashboard and look at the error rate.",
        "If the error rate is above 5%, stop the rollout.",
        "If the error rate is below 1%, continue with the next region.",
        f"Restart the {s.name} with a delay of 10 seconds between replicas.",
        "Wait 2 minutes before the next step.",
        "Wait 15 minutes before you close the incident.",
        f"Page {s.owner} when the queue is longer than 1,000 jobs.",
        "Do not restart the database.",
        "Write down when the alarm began and when it ended.",
    ]
    body = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
    return f"# Runbook: {s.name}\n\n## Facts\n\n{' '.join(world.rng.sample(facts, 9))}\n\n## Steps\n\n{body}\n\n## Background\n\n{' '.join(world.rng.sample(near, 12))}\n"


def _minutes(world: World, s: Service) -> str:
    rng = world.rng
    parts = [f"# Notes, {rng.randrange(1, 28)} {rng.choice(_MONTHS)} 2026\n"]
    for one in rng.sample(world.services, 4):
        said = rng.sample(_facts(world, one), 5) + rng.sample(_near(world, one), 4)
        rng.shuffle(said)
        parts.append(f"\n## {one.name.capitalize()}\n\n" + "\n".join(f"- {line}" for line in said) + "\n")
    parts.append(
        f"\n## Next\n\n- {s.owner} writes the plan by {rng.choice(_DAYS)}.\n- The next meeting is on {rng.choice(_DAYS)}.\n"
    )
    return "".join(parts)


def _mixed(world: World, s: Service) -> str:
    """No headings at all: every service's facts side by side, as agents append findings."""
    rng = world.rng
    said = [line for one in world.services for line in rng.sample(_facts(world, one), 6)]
    said += [line for one in world.services[:4] for line in rng.sample(_near(world, one), 4)]
    rng.shuffle(said)
    return "\n\n".join(said) + "\n"


def _rfc(world: World, s: Service) -> str:
    code, size = world.rng.sample(range(400, 429), 2), world.rng.choice((64, 128, 256))
    n = s.name
    clauses = [
        "A client MUST send a version number of 2 bytes.", f"The {n} MUST NOT send more than {size} frames before the first answer.",
        "A frame without a checksum MUST be ignored.", "A frame with a wrong checksum MUST be answered with an error.",
        f"The {n} answers a malformed frame with code {code[0]}.", f"The {n} answers an unknown frame with code {code[1]}.",
        "A session that is idle for 30 seconds is closed by the server.", "A client closes an idle session after 25 seconds.",
        f"Frames of type 1 are at most {size} KB long.", f"Frames of type 2 are at most {size * 4} KB long.",
        "The first byte is the type.", "The second byte is the length of the header.", "Headers are not compressed.",
        "Bodies are compressed unless the client asked for plain bodies.", "Compression is optional for clients.",
        "Servers are required to support compression.", "An acknowledged frame is never sent again.",
        "A frame that was not acknowledged is sent again after 2 seconds.", "A client may have 4 streams open at a time.",
        "A server may have 128 streams open at a time.", "Streams with odd numbers are opened by the client.",
        "Streams with even numbers are opened by the server.", "In version 1 a stream had no priority.",
        "In version 2 a stream has a priority.", "Unknown headers are ignored by servers.", "Unknown headers are passed on by proxies.",
        "An implementation SHOULD answer within 100 ms.", "An implementation MAY wait up to 5 seconds when it is overloaded.",
        "The window is 64 KB at the start of a session and grows to 1 MB.", "All integers are unsigned.", "Lengths are signed in the old format.",
    ]  # fmt: skip
    cut = len(clauses) // 3
    parts = [clauses[:cut], clauses[cut : 2 * cut], clauses[2 * cut :]]
    return f"# The {n} protocol\n" + "".join(
        f"\n## {title}\n\n{' '.join(part)}\n" for title, part in zip(("Frames", "Rules", "Streams"), parts, strict=True)
    )


_KINDS: dict[str, Callable[[World, Service], str]] = {
    "readme": _readme, "runbook": _runbook, "minutes": _minutes, "mixed": _mixed, "rfc": _rfc,
}  # fmt: skip


def pages(seed: int, count: int) -> Iterator[Page]:
    """`count` clean pages of all kinds in turn; the same seed gives the same pages."""
    for number in range(count):
        kind = list(_KINDS)[number % len(_KINDS)]
        world = World.of(seed * 100_003 + number)
        yield f"{kind}-{number}", _KINDS[kind](world, world.services[0])


def _twins(s: Service, rng: random.Random) -> list[tuple[str, str, str, str]]:
    """(kind, true statement, statement against it, statement that only seems against it)."""
    n = s.name
    region, person = (
        rng.choice([x for x in _REGIONS if x != s.region]),
        rng.choice([x for x in _PEOPLE if x != s.owner]),
    )
    language = rng.choice([x for x in _LANGUAGES if x != s.language])
    return [
        ("numeric", f"The {n} listens on port {s.port}.", f"The {n} listens on port {s.port + 7}.", f"The metrics of the {n} are on port {s.port + 7}."),
        ("numeric", f"The timeout of the {n} is {s.timeout} seconds.", f"The {n} times out after {s.timeout * 3} s.", f"The idle timeout of the {n} is {s.timeout * 3} seconds."),
        ("numeric", f"The {n} has {s.replicas} replicas.", f"The {n} has {s.replicas + 4} replicas.", f"In the test environment the {n} has {s.replicas + 4} replicas."),
        ("numeric", f"Test coverage of the {n} is {s.coverage}%.", f"Test coverage of the {n} is {s.coverage - 21}%.", f"Test coverage of the {n} was {s.coverage - 21}% in 2023."),
        ("temporal", f"The {n} goes live on {s.launch}.", f"The {n} goes live on 29 {s.launch.split()[1]} 2026.", f"The load test of the {n} is on 29 {s.launch.split()[1]} 2026."),
        ("temporal", f"The nightly job of the {n} starts at {s.window} UTC.", f"The nightly job of the {n} starts at 22:10 UTC.", f"The weekly job of the {n} starts at 22:10 UTC."),
        ("negation", f"The {n} caches its answers.", f"The {n} does not cache its answers.", f"The {n} does not cache its errors."),
        ("negation", f"The {n} encrypts backups.", f"Backups are not encrypted by the {n}.", f"The {n} did not encrypt backups before version 2."),
        ("negation", f"The {n} needs a database.", f"The {n} no longer needs a database.", f"If it runs in memory, the {n} does not need a database."),
        ("antonym", f"Feature flags of the {n} are enabled by default.", f"Feature flags of the {n} are disabled by default.", f"Experimental flags of the {n} are disabled by default."),
        ("antonym", f"Writes to the {n} are synchronous.", f"Writes to the {n} are asynchronous.", f"Large writes to the {n} are asynchronous."),
        ("antonym", f"The migration of the {n} succeeded.", f"The migration of the {n} failed.", f"The first attempt at the migration of the {n} failed."),
        ("entity", f"{s.owner} owns the {n}.", f"The {n} is owned by {person}.", f"{person} reviews the {n}."),
        ("entity", f"The {n} is deployed in {s.region}.", f"The {n} is deployed in {region}.", f"A copy of the {n} is deployed in {region}."),
        ("entity", f"The {n} is written in {s.language}.", f"The {n} is written in {language}.", f"The tests of the {n} are written in {language}."),
        ("quantifier", f"All endpoints of the {n} return JSON.", f"The export endpoint of the {n} does not return JSON.", f"The export endpoint of the {n} returns JSON in chunks."),
        ("quantifier", f"Only admins can restart the {n}.", f"Any user can restart the {n}.", f"Any user can read the status of the {n}."),
        ("decision", f"The plan for the {n} was approved.", f"The plan for the {n} was rejected.", f"An earlier plan for the {n} was rejected."),
        ("decision", f"The ticket about the {n} is closed.", f"The ticket about the {n} is still open.", f"The ticket about the {n} was open for two weeks."),
        ("structure", f"The {n} runs before the linter.", f"The linter runs before the {n}.", f"The linter runs after the {n}."),
    ]  # fmt: skip


def generated_pairs(seed: int, count: int) -> Iterator[tuple[str, str, str, bool]]:
    """(kind, a, b, whether they contradict), alternately a contradiction and its compatible twin."""
    for number in range(count):
        world = World.of(seed * 7_001 + number)
        subject = replace(world.services[0], name=world.rng.choice(_PLANTED))  # no page speaks of it
        twins = _twins(subject, world.rng)
        kind, true, against, seeming = twins[number % len(twins)]
        yield kind, true, against, True
        yield kind, true, seeming, False


def planted(page: str, first: str, second: str, rng: random.Random) -> str:
    """The page with two statements added to two of its paragraphs (or, with an empty first, with one)."""
    blocks = page.rstrip("\n").split("\n\n")
    bodies = [place for place, block in enumerate(blocks) if not block.lstrip().startswith("#")]
    for text in filter(None, (first, second)):
        place = rng.choice(bodies)
        is_list = blocks[place].lstrip().startswith(("-", "1."))
        blocks[place] = f"{blocks[place]}\n- {text}" if is_list else f"{blocks[place]} {text}"
    return "\n\n".join(blocks) + "\n"
