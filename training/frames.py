"""What the generators say: subjects, frames (one fact in several ways), properties, scopes, times, and how values are spelled."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = [
    "CONDITIONS",
    "FRAMES",
    "PEOPLE",
    "PROPERTIES",
    "QUANTIFIED",
    "SCOPES",
    "SUBJECTS",
    "TIMES",
    "VALUES",
    "Frame",
]


@dataclass(frozen=True)
class Frame:
    """One fact: the kinds of its subjects and values, and the ways to say it."""

    name: str
    subjects: str
    values: str
    ways: tuple[str, ...]
    kind: str = "numeric"


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.replace("\n", ";").split(";") if line.strip()]


PEOPLE = (
    "Marta,Jonas,Ines,Dmitri,Aisha,Lukas,Mei,Omar,Sofia,Pavel,Noor,Hugo,Yuki,Elena,Kofi,Nadia,Bruno,Leila,Viktor,Greta,"
    "Rahul,Chloe,Stefan,Amara,Felix,Ingrid,Mateo,Zofia,Liam,Fatima,Oskar,Harper,Diego,Anneke,Ravi,Carol,Dave,Erin"
).split(",")

SUBJECTS: dict[str, Sequence[str]] = {
    "service": _lines("""the proxy;the ingest service;the mail relay;the checkout API;the search node;the identity provider;
        the load balancer;the scraper;the ledger service;the image resizer;the webhook receiver;the admin portal;the chat server;
        the broker;the feature store;the vector index;the planner agent;the summarizer;the crawler;the payment adapter;the sidecar;
        the key server;the notification service;the audit log;the model server;the registry;Atlas;Hermes;the bridge;the dashboard"""),
    "job": _lines("""the import job;the cleanup task;the reindex job;the billing run;the export script;the sync worker;the report job;
        the evaluation run;the payroll batch;the snapshot task;the training run;the compaction;the digest e-mail;the vulnerability scan"""),
    "thing": _lines("""the session cookie;the API key;the upload endpoint;the message queue;the write buffer;the connection pool;
        the thread pool;the document;the draft;the config file;the request body;the audit trail;the invite link;the cache entry;
        the webhook;the error budget;the trial;the public page;the guest account;the test cluster;the archive;the free plan"""),
    "project": _lines("""the migration;the redesign;the pilot;the rollout of search;the office move;the audit;the hiring round;the merger;
        the data import;the launch;the field study;the beta;the renovation;the security review;the training course;the campaign;
        the conference;the election;the product demo;the deprecation of the old API;the vendor evaluation"""),
    "team": _lines("""the platform team;the design group;the sales department;the research unit;the support desk;the mobile team;
        the board;the steering group;the night shift;the Berlin office;the data team;the legal team;the editorial team;the crew"""),
    "product": _lines("""the basic plan;the laptop;the mobile client;the command line tool;the SDK;the spring collection;the sensor;
        the annual report;the white paper;the desktop application;the parser library;the plug-in;the firmware;the starter kit;the e-book"""),
    "place": _lines("""the warehouse;the museum;the bridge over the river;the stadium;the new campus;the library;the reactor;the village;
        the hotel;the airport;the lake;the tower;the factory;the reserve;the school;the province;the island;the festival"""),
}  # fmt: skip


# -- values: one, the same otherwise spelled, another one otherwise spelled, another one ------------------------------

Spelled = tuple[str, str, str, str]
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve".split()


def _count(rng: random.Random) -> Spelled:
    one, other = rng.sample(range(2, 13) if rng.random() < 0.5 else range(3, 900), 2)
    spelled = [_SMALL[n] if n <= 12 and rng.random() < 0.6 else str(n) for n in (one, other)]
    return str(one), spelled[0], str(other), spelled[1]


def _large(rng: random.Random) -> Spelled:
    one = rng.choice((12, 15, 25, 40, 60, 75, 120, 180, 250, 300, 480, 900)) * 1000
    other = rng.choice((one * 10, one // 2, one * 3, one + 20_000))
    return (
        f"{one:,}",
        rng.choice((f"{one // 1000}k", f"{one // 1000} thousand", str(one))),
        f"{other:,}",
        f"{other // 1000}k",
    )


def _port(rng: random.Random) -> Spelled:
    one, other = rng.sample(
        [80, 443, 3000, 5000, 5432, 6379, 7000, 7070, 8000, 8443, 8888, 9000, 9200, 27017, 4000, 1883], 2
    )
    return str(one), str(one), str(other), str(other)


_SPANS = (
    ("30 seconds", "half a minute"), ("60 seconds", "one minute"), ("90 seconds", "a minute and a half"), ("2 minutes", "120 seconds"),
    ("5 minutes", "300 seconds"), ("10 minutes", "ten minutes"), ("1 hour", "60 minutes"), ("an hour", "60 minutes"), ("2 hours", "120 minutes"),
    ("12 hours", "half a day"), ("24 hours", "a day"), ("48 hours", "two days"), ("7 days", "a week"), ("14 days", "two weeks"),
    ("3 months", "a quarter"), ("90 days", "ninety days"), ("6 months", "half a year"), ("12 months", "a year"), ("5 years", "five years"),
    ("250 ms", "a quarter of a second"), ("500 ms", "half a second"), ("2 seconds", "2000 ms"), ("45 minutes", "three quarters of an hour"),
)  # fmt: skip


def _span(rng: random.Random) -> Spelled:
    one, other = rng.sample(_SPANS, 2)
    if {one[0], other[0]} <= {"1 hour", "an hour"}:
        other = _SPANS[3]
    return one[0], rng.choice(one), rng.choice(other), other[0]


_SIZES = (("256 MB", "a quarter of a gigabyte"), ("512 MB", "0.5 GB"), ("1 GB", "1024 MB"), ("2 GB", "2048 MB"), ("4 GB", "4096 MB"),
          ("16 GB", "16 gigabytes"), ("100 KB", "0.1 MB"), ("10 MB", "ten megabytes"), ("25 MB", "25 megabytes"), ("5 TB", "5,000 GB"))  # fmt: skip


def _size(rng: random.Random) -> Spelled:
    one, other = rng.sample(_SIZES, 2)
    return one[0], rng.choice(one), rng.choice(other), other[0]


def _share(rng: random.Random) -> Spelled:
    one = rng.randrange(2, 99)
    other = rng.choice([n for n in range(2, 99) if abs(n - one) > 3])
    return f"{one}%", rng.choice((f"{one} percent", f"{one} %")), f"{other} percent", f"{other}%"


def _money(rng: random.Random) -> Spelled:
    one, other = rng.sample([5, 9, 12, 19, 29, 49, 75, 99, 120, 250, 400, 900, 1200, 4500, 18000, 60000, 250000], 2)
    mark, word = rng.choice((("$", "dollars"), ("€", "euros"), ("£", "pounds")))
    return f"{mark}{one:,}", f"{one:,} {word}", f"{other:,} {word}", f"{mark}{other:,}"


_MONTHS = "January February March April May June July August September October November December".split()


def _date(rng: random.Random) -> Spelled:
    month, day = rng.randrange(12), rng.randrange(1, 29)
    other_month, other_day = (
        (month, rng.choice([n for n in range(1, 29) if n != day]))
        if rng.random() < 0.5
        else ((month + rng.randrange(1, 12)) % 12, day)
    )
    if rng.random() < 0.3:
        year = rng.randrange(2019, 2030)
        other_year = year if other_month != month else year + 1
        return (
            f"{_MONTHS[month]} {year}",
            f"{_MONTHS[month][:3]} {year}",
            f"{_MONTHS[other_month]} {other_year}",
            f"{_MONTHS[other_month]} {other_year}",
        )
    return (
        f"{day} {_MONTHS[month]}",
        f"{_MONTHS[month]} {day}",
        f"{_MONTHS[other_month]} {other_day}",
        f"{other_day} {_MONTHS[other_month]}",
    )


def _year(rng: random.Random) -> Spelled:
    one, other = rng.sample(range(1950, 2031), 2)
    return str(one), str(one), str(other), str(other)


def _clock(rng: random.Random) -> Spelled:
    one, other = rng.sample(range(1, 23), 2)

    def twelve(n: int) -> str:
        return f"{(n - 1) % 12 + 1} {'am' if n < 12 else 'pm'}"

    return f"{one:02}:00", twelve(one), twelve(other), f"{other:02}:{rng.choice(('00', '30', '15'))}"


def _weekday(rng: random.Random) -> Spelled:
    one, other = rng.sample("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(), 2)
    return one, one, other, other


_RHYTHMS = (("every hour", "hourly"), ("every day", "daily"), ("every night", "nightly"), ("every week", "weekly"), ("once a week", "weekly"),
            ("every month", "monthly"), ("twice a day", "two times a day"), ("once a year", "every year"), ("every five minutes", "every 5 minutes"),
            ("every quarter", "four times a year"))  # fmt: skip


def _rhythm(rng: random.Random) -> Spelled:
    while True:
        one, other = rng.sample(_RHYTHMS, 2)
        clear = {one[1], other[1]}
        if len(clear) == 2 and clear != {"daily", "nightly"}:
            return one[0], rng.choice(one), rng.choice(other), other[0]


def _person(rng: random.Random) -> Spelled:
    one, other = rng.sample(PEOPLE, 2)
    return one, one, other, other


def _choice(*groups: str) -> Callable[[random.Random], Spelled]:
    """One value of a family; families do not mix. `a=b` are two spellings of one value."""
    families = [[value.split("=") for value in group.split(",")] for group in groups]

    def draw(rng: random.Random) -> Spelled:
        one, other = rng.sample(rng.choice(families), 2)
        return one[0], rng.choice(one), rng.choice(other), other[0]

    return draw


VALUES: dict[str, Callable[[random.Random], Spelled]] = {
    "count": _count, "large": _large, "port": _port, "span": _span, "size": _size, "share": _share, "money": _money, "date": _date,
    "year": _year, "clock": _clock, "weekday": _weekday, "rhythm": _rhythm, "person": _person,
    "store": _choice("SQLite,MongoDB,Cassandra,DynamoDB,MariaDB,Oracle,CockroachDB,Redis,Postgres=PostgreSQL", "Kafka,RabbitMQ,NATS,SQS"),
    "language": _choice("Go=Golang,Rust,Java,Python,Kotlin,TypeScript,Ruby,Elixir,C++,Scala", "Svelte,Angular,Ember,Solid,Preact"),
    "region": _choice("Dublin,Paris,Oregon,Tokyo,Sydney,Mumbai,Stockholm,São Paulo,Ohio,Seoul,Zurich,Singapore,Milan,Toronto"),
    "format": _choice("XML,CSV,YAML,Avro,Parquet,MessagePack,plain text,TOML", "gRPC,REST,GraphQL,SOAP,MQTT"),
    "license": _choice("Apache 2.0,BSD,MPL,AGPL,LGPL,a proprietary license,the public domain"),
    "status": _choice("in progress,finished=done,not started,blocked,cancelled", "green,red,amber", "a draft,final=the final version",
                      "in review,merged,abandoned", "paused=on hold,running=under way,cancelled=called off"),
    "vendor": _choice("Acme,Globex,Initech,Umbrella,Stark Industries,Wayne Enterprises,Northwind,Contoso", "AWS,Azure,Google Cloud=GCP,Hetzner"),
    "color": _choice("red,blue,green,black,white,yellow,grey=gray", "wood,steel,concrete,glass,brick,stone"),
    "method": _choice("round robin,least connections,consistent hashing", "optimistic locking,pessimistic locking", "a vote,a lottery,seniority",
                      "blue-green deployment,a rolling update,a canary", "polling,push notifications", "LRU eviction,FIFO eviction,a time to live",
                      "UTF-8,UTF-16,Latin-1", "AES,ChaCha20,DES", "gzip,zstd,brotli", "OAuth,basic authentication,client certificates,SAML"),
    "version": _choice("1.2,1.4,2.0,2.3,3.1,4.0", "3.8,3.10,3.12,3.13", "16,18,20,22", "v1,v2,v3"),
    "city": _choice("Lisbon,Vienna,Oslo,Prague,Warsaw,Rome,Madrid,Athens,Helsinki,Budapest", "France,Norway,Japan,Peru,Kenya,Canada,India,Chile"),
}  # fmt: skip

_F = Frame
FRAMES: tuple[Frame, ...] = (
    _F("port", "service", "port", ("{s} listens on port {v}", "{s} is reachable on port {v}", "port {v} belongs to {s}", "connect to {s} at port {v}", "{s} binds to port {v}")),
    _F("timeout", "service", "span", ("{s} times out after {v}", "the timeout of {s} is {v}", "{s} gives up when there is no answer within {v}", "requests to {s} are cut off after {v}")),
    _F("memory", "service", "size", ("{s} needs {v} of memory", "{s} runs with {v} of RAM", "the memory limit of {s} is {v}", "{s} may use up to {v}", "{v} of memory are reserved for {s}")),
    _F("replicas", "service", "count", ("{s} runs with {v} replicas", "there are {v} replicas of {s}", "{s} has {v} instances", "we run {v} copies of {s}")),
    _F("retries", "service", "count", ("{s} retries {v} times", "{s} makes {v} attempts before it fails", "the retry count of {s} is {v}", "after {v} failed attempts {s} stops")),
    _F("rate", "service", "large", ("{s} handles {v} requests per day", "{v} requests a day reach {s}", "the daily load of {s} is {v} requests", "{s} serves about {v} requests each day")),
    _F("limit", "service", "count", ("{s} allows {v} requests per second", "the rate limit of {s} is {v} requests per second", "clients of {s} may send {v} requests a second")),
    _F("latency", "service", "span", ("the average latency of {s} is {v}", "{s} answers within {v} on average", "an answer of {s} takes {v} on average", "on average, a call to {s} lasts {v}")),
    _F("uptime", "service", "share", ("the availability of {s} was {v}", "{s} was up {v} of the time", "{s} reached an uptime of {v}")),
    _F("errors", "service", "share", ("the error rate of {s} is {v}", "{v} of the calls to {s} fail", "{s} fails in {v} of the cases")),
    _F("owner", "service", "person", ("{v} owns {s}", "{s} is owned by {v}", "the owner of {s} is {v}", "{v} is responsible for {s}", "{s} belongs to {v}", "for {s}, ask its owner {v}"), "entity"),
    _F("store", "service", "store", ("{s} stores its data in {v}", "{v} is the database behind {s}", "{s} is backed by {v}", "the data of {s} lives in {v}", "{s} uses {v} as its store"), "entity"),
    _F("language", "service", "language", ("{s} is written in {v}", "{s} is a {v} program", "the code of {s} is {v}", "{v} is the language of {s}", "{s} was implemented in {v}"), "entity"),
    _F("region", "service", "region", ("{s} is hosted in {v}", "{s} runs in {v}", "{s} is deployed to the {v} region", "the machines of {s} are in {v}", "the home of {s} is {v}"), "entity"),
    _F("format", "service", "format", ("{s} speaks {v}", "{s} returns {v}", "the interface of {s} is {v}", "responses of {s} come as {v}", "{s} answers in {v}"), "entity"),
    _F("auth", "service", "method", ("{s} uses {v}", "{s} relies on {v}", "{v} is what {s} uses", "in {s} we settled on {v}"), "entity"),
    _F("version", "service", "version", ("{s} runs version {v}", "the deployed version of {s} is {v}", "{s} is at version {v}", "{s} was upgraded to {v} and runs it now"), "entity"),
    _F("vendor", "service", "vendor", ("{s} is operated by {v}", "{v} runs {s} for us", "the contractor for {s} is {v}", "we bought {s} from {v}"), "entity"),
    _F("start", "job", "clock", ("{s} starts at {v}", "{s} begins at {v}", "{s} kicks in at {v}", "the start time of {s} is {v}", "{v} is when {s} starts")),
    _F("rhythm", "job", "rhythm", ("{s} runs {v}", "{s} is executed {v}", "{s} is scheduled {v}", "we run {s} {v}", "{s} takes place {v}")),
    _F("duration", "job", "span", ("{s} takes {v}", "{s} finishes in {v}", "it takes {v} to complete {s}", "the running time of {s} is {v}", "{s} lasts {v}")),
    _F("rows", "job", "large", ("{s} processes {v} records", "{v} records are processed by {s}", "{s} works through {v} records", "{s} touches {v} rows per run")),
    _F("jobday", "job", "weekday", ("{s} runs on {v}", "{s} is run every {v}", "{v} is the day of {s}", "{s} happens on {v}s")),
    _F("jobowner", "job", "person", ("{v} maintains {s}", "{s} is maintained by {v}", "the maintainer of {s} is {v}", "{s} is looked after by {v}", "{v} takes care of {s}"), "entity"),
    _F("jobstatus", "job", "status", ("{s} is {v}", "the status of {s} is {v}", "{s} is currently {v}", "status of {s}: {v}"), "decision"),
    _F("batch", "job", "count", ("{s} works in batches of {v}", "the batch size of {s} is {v}", "{s} takes {v} items at a time")),
    _F("expiry", "thing", "span", ("{s} expires after {v}", "{s} is valid for {v}", "{s} lives for {v}", "the lifetime of {s} is {v}", "after {v}, {s} is no longer valid")),
    _F("keep", "thing", "span", ("we keep {s} for {v}", "{s} is deleted after {v}", "the retention of {s} is {v}", "{s} is retained for {v}", "{s} is purged once {v} have passed")),
    _F("maxsize", "thing", "size", ("the maximum size of {s} is {v}", "{s} may be at most {v}", "{s} is limited to {v}", "{s} cannot exceed {v}", "anything above {v} is too big for {s}")),
    _F("capacity", "thing", "count", ("{s} holds {v} entries", "{s} has room for {v} entries", "the capacity of {s} is {v} entries", "at most {v} entries fit into {s}")),
    _F("encoding", "thing", "format", ("{s} is encoded as {v}", "{s} is written in {v}", "the format of {s} is {v}", "{v} is the encoding of {s}"), "entity"),
    _F("quota", "thing", "count", ("{s} is limited to {v} users", "up to {v} users can share {s}", "{s} admits no more than {v} users", "the user limit of {s} is {v}")),
    _F("due", "project", "date", ("{s} is due on {v}", "the deadline of {s} is {v}", "{s} must be finished by {v}", "{v} is the deadline for {s}", "{s} has to be done by {v}")),
    _F("begin", "project", "date", ("{s} starts on {v}", "{s} begins on {v}", "{s} is set to start on {v}", "the start of {s} is planned for {v}", "{s} will kick off on {v}")),
    _F("happened", "project", "year", ("{s} was completed in {v}", "{s} ended in {v}", "we finished {s} in {v}", "{v} was the year in which {s} was completed")),
    _F("budget", "project", "money", ("{s} has a budget of {v}", "the budget of {s} is {v}", "{v} were set aside for {s}", "we can spend {v} on {s}")),
    _F("progress", "project", "share", ("{s} is {v} complete", "{v} of {s} is done", "we are {v} of the way through {s}")),
    _F("lead", "project", "person", ("{v} leads {s}", "{s} is led by {v}", "the lead of {s} is {v}", "{v} is in charge of {s}", "{s} is in the hands of {v}"), "entity"),
    _F("status", "project", "status", ("{s} is {v}", "the state of {s} is {v}", "{s} is now {v}", "current state of {s}: {v}"), "decision"),
    _F("staff", "project", "count", ("{v} people work on {s}", "{s} has a staff of {v}", "{s} is staffed with {v} people", "we put {v} people on {s}")),
    _F("supplier", "project", "vendor", ("we chose {v} for {s}", "{v} won the contract for {s}", "the supplier of {s} is {v}", "{s} went to {v}", "{s} is done with {v}"), "entity"),
    _F("length", "project", "span", ("{s} will take {v}", "{s} is expected to last {v}", "we plan {v} for {s}", "the planned duration of {s} is {v}")),
    _F("meeting", "team", "weekday", ("{s} meets on {v}", "{s} meets every {v}", "the meeting of {s} is on {v}", "{s} has its meeting on {v}")),
    _F("meetclock", "team", "clock", ("{s} meets at {v}", "the meeting of {s} starts at {v}", "{v} is the meeting time of {s}")),
    _F("headcount", "team", "count", ("{s} has {v} members", "there are {v} people in {s}", "{s} consists of {v} people", "{v} people belong to {s}")),
    _F("head", "team", "person", ("{v} heads {s}", "{s} is headed by {v}", "the head of {s} is {v}", "{s} reports to {v}"), "entity"),
    _F("base", "team", "city", ("{s} is based in {v}", "{s} works from {v}", "{s} sits in {v}", "the office of {s} is in {v}"), "entity"),
    _F("turnover", "team", "share", ("the attrition in {s} is {v}", "{v} of {s} left last year", "{s} lost {v} of its people last year")),
    _F("decided", "team", "method", ("{s} decided for {v}", "{s} went with {v}", "{v} was the choice of {s}", "the decision of {s} was {v}"), "decision"),
    _F("price", "product", "money", ("{s} costs {v}", "the price of {s} is {v}", "{s} is sold for {v}", "you pay {v} for {s}", "{s} is available at {v}")),
    _F("released", "product", "date", ("{s} was released on {v}", "{s} came out on {v}", "{s} shipped on {v}", "the release date of {s} was {v}", "{s} has been available since {v}")),
    _F("weight", "product", "count", ("{s} weighs {v} kg", "the weight of {s} is {v} kilograms", "{s} has a weight of {v} kg")),
    _F("license", "product", "license", ("{s} is licensed under {v}", "the license of {s} is {v}", "{s} is released under {v}", "{v} is the license of {s}"), "entity"),
    _F("colour", "product", "color", ("{s} is {v}", "{s} comes in {v}", "the color of {s} is {v}", "{s} is only made in {v}"), "entity"),
    _F("requires", "product", "version", ("{s} requires version {v} of the runtime", "the runtime that {s} needs is {v}", "{s} works with runtime {v} only"), "entity"),
    _F("sales", "product", "large", ("{s} sold {v} units", "{v} units of {s} were sold", "sales of {s} reached {v} units", "{s} found {v} buyers")),
    _F("margin", "product", "share", ("the margin on {s} is {v}", "{s} has a margin of {v}", "we earn {v} on {s}")),
    _F("built", "place", "year", ("{s} was built in {v}", "the construction of {s} was completed in {v}", "{s} dates from {v}", "{s} was finished in {v}")),
    _F("located", "place", "city", ("{s} is located in {v}", "{s} lies in {v}", "{s} can be found in {v}", "you find {s} in {v}"), "entity"),
    _F("visitors", "place", "large", ("{s} has {v} visitors a year", "{v} people visit {s} every year", "{s} is visited by {v} people per year")),
    _F("height", "place", "count", ("{s} is {v} meters high", "the height of {s} is {v} meters", "{s} reaches a height of {v} meters")),
    _F("material", "place", "color", ("{s} is made of {v}", "{v} is the main material of {s}", "{s} was built from {v}"), "entity"),
    _F("opens", "place", "clock", ("{s} opens at {v}", "the doors of {s} open at {v}", "{s} is open from {v}", "from {v} on {s} is open")),
    _F("director", "place", "person", ("{v} runs {s}", "the director of {s} is {v}", "{s} is run by {v}", "{s} was designed by {v}"), "entity"),
)  # fmt: skip

PROPERTIES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = tuple(
    (tuple(_lines(positive)), tuple(_lines(negative)))
    for positive, negative in (
        ("{s} requires a login;{s} needs a login;you must log in to use {s};{s} cannot be used without a login", "{s} does not require a login;no login is needed for {s};{s} can be used without a login;{s} is open to anonymous users"),
        ("{s} is encrypted;the data of {s} is encrypted at rest;encryption is on for {s}", "{s} is not encrypted;{s} is kept in plain text;{s} is unencrypted;there is no encryption for {s}"),
        ("{s} is public;anyone can see {s};{s} is open to everybody", "{s} is private;{s} is visible to members only;{s} is not public;outsiders cannot see {s}"),
        ("{s} is enabled by default;{s} is on by default;{s} is switched on unless you turn it off", "{s} is disabled by default;{s} is off by default;{s} has to be turned on by hand;{s} is not enabled by default"),
        ("{s} is deprecated;{s} should no longer be used;support for {s} has ended", "{s} is fully supported;{s} is still supported;{s} is not deprecated;{s} remains supported"),
        ("{s} can be undone;changes to {s} are reversible;changes to {s} can be rolled back", "{s} cannot be undone;changes to {s} are final;changes to {s} are irreversible;there is no way to roll back {s}"),
        ("{s} is thread-safe;several threads may use {s} at once;{s} can be shared between threads", "{s} is not thread-safe;{s} must not be shared between threads;only one thread may use {s}"),
        ("{s} supports retries;{s} tries again after a failure;failed calls are retried by {s}", "{s} does not retry;{s} never tries again;failed calls are not retried by {s};{s} fails without retrying"),
        ("{s} keeps its state in memory;{s} holds state between requests;{s} is stateful", "{s} is stateless;{s} keeps no state;{s} holds no state between requests"),
        ("{s} has been tested;{s} is covered by tests;there are tests for {s}", "{s} has not been tested;there are no tests for {s};{s} is untested;nobody has tested {s} yet"),
        ("{s} was approved;we approved {s};{s} has been signed off;{s} got the go-ahead", "{s} was rejected;we turned {s} down;{s} has not been approved;approval for {s} was refused"),
        ("{s} is finished;{s} is complete;work on {s} is done", "{s} is unfinished;{s} is not complete yet;work on {s} is still going on;{s} is still incomplete"),
        ("{s} passed;{s} was a success;{s} succeeded;{s} went well", "{s} failed;{s} did not succeed;{s} was a failure;{s} went wrong"),
        ("{s} is faster than before;{s} became faster;{s} has sped up", "{s} is slower than before;{s} became slower;{s} has slowed down"),
        ("the cost of {s} went up;{s} became more expensive;costs rose for {s};{s} costs more than last year", "the cost of {s} went down;{s} became cheaper;costs fell for {s};{s} costs less than last year"),
        ("{s} works offline;{s} can be used without a network;no network is needed for {s}", "{s} needs a network;{s} does not work offline;{s} stops working without a network"),
        ("{s} is free;{s} costs nothing;there is no charge for {s}", "{s} is not free;{s} has to be paid for;there is a fee for {s};{s} costs money"),
        ("{s} is open source;the source of {s} is public", "{s} is closed source;the source of {s} is not public;{s} is proprietary"),
        ("{s} was delayed;{s} is late;{s} is behind schedule", "{s} was on time;{s} is on schedule;{s} is not delayed;{s} is ahead of schedule"),
        ("{s} is mandatory;{s} is required;nobody may skip {s}", "{s} is optional;{s} is not required;{s} may be skipped;{s} is voluntary"),
        ("{s} was cancelled;we dropped {s};{s} has been called off;we decided against {s}", "{s} goes ahead;{s} takes place as planned;{s} was not cancelled;we are going on with {s}"),
        ("{s} logs every request;every request is logged by {s};{s} writes all requests to the log", "{s} does not log requests;no requests are logged by {s};{s} writes nothing to the log"),
        ("{s} is read-only;nobody can change {s};{s} cannot be edited", "{s} can be edited;{s} is writable;users may change {s}"),
        ("{s} runs in parallel;{s} runs concurrently;{s} uses several processes", "{s} runs sequentially;{s} uses a single process;{s} does nothing in parallel"),
        ("{s} is up to date;{s} is current;{s} reflects the latest changes", "{s} is out of date;{s} is stale;{s} does not reflect the latest changes;{s} is outdated"),
        ("{s} has an owner;somebody owns {s};{s} is owned", "{s} has no owner;nobody owns {s};{s} is without an owner"),
        ("{s} depends on external libraries;{s} has dependencies;{s} pulls in third-party code", "{s} has no dependencies;{s} depends on nothing;{s} is free of third-party code"),
        ("{s} is healthy;there are no problems with {s};{s} works as expected", "{s} is down;{s} is broken;{s} does not work;{s} is failing"),
        ("{s} guarantees delivery;{s} never loses messages;no message is lost by {s}", "{s} may lose messages;{s} gives no guarantee of delivery;delivery by {s} is best effort"),
        ("{s} compresses its output;the output of {s} is compressed", "{s} does not compress its output;the output of {s} is uncompressed"),
        ("{s} checks its input;{s} validates every input;input is validated by {s}", "{s} does not check its input;{s} accepts any input unchecked;input is never validated by {s}"),
        ("{s} is ready for production;{s} can go live;{s} is production-ready", "{s} is not ready for production;{s} cannot go live yet;{s} is too unstable to go live"),
        ("{s} is popular;users like {s};feedback on {s} is positive", "{s} is unpopular;users dislike {s};feedback on {s} is negative"),
        ("{s} was profitable;{s} made a profit;{s} earned money", "{s} was not profitable;{s} made a loss;{s} lost money"),
        ("{s} is documented;there is documentation for {s};the documentation covers {s}", "{s} is undocumented;there is no documentation for {s};the documentation says nothing about {s}"),
        ("{s} scales horizontally;more machines make {s} faster", "{s} does not scale horizontally;{s} runs on one machine only;more machines do not help {s}"),
        ("admins can delete {s};administrators may delete {s}", "nobody can delete {s};not even admins can delete {s};{s} can never be deleted"),
        ("guests have access to {s};guests may use {s};{s} is available to guests", "guests have no access to {s};guests may not use {s};{s} is closed to guests;guests are barred from {s}"),
        ("{s} changes the original file;{s} overwrites its input", "{s} leaves the original file alone;{s} never modifies its input;{s} does not touch the original file"),
        ("{s} talks to the database directly;{s} has a direct database connection", "{s} never talks to the database directly;{s} reaches the database only through the API"),
        ("only managers may approve {s};no one but managers can approve {s}", "anyone can approve {s};every employee may approve {s};{s} can be approved by everybody"),
        ("{s} is compatible with older versions;{s} is backwards compatible;older clients work with {s}", "{s} breaks older clients;{s} is not backwards compatible;older clients do not work with {s}"),
        ("{s} is managed by hand;{s} is a manual process;people do {s} by hand", "{s} is fully automated;{s} runs automatically;nothing about {s} is manual"),
        ("{s} stays in the office network;{s} is internal;{s} never leaves our network", "{s} is shared with partners;{s} is sent to outside parties;{s} is exposed to the internet"),
    )
)  # fmt: skip

SCOPES = (
    ("in production", "in staging"), ("on Windows", "on Linux"), ("on Android", "on iOS"), ("in Europe", "in the US"), ("for admins", "for guests"),
    ("in the free tier", "in the paid tier"), ("for new users", "for existing users"), ("in version 3", "in version 4"), ("for large tenants", "for small tenants"),
    ("in Germany", "in Italy"), ("at night", "during the day"), ("on weekdays", "on weekends"), ("for reads", "for writes"), ("in summer", "in winter"),
    ("in the north", "in the south"), ("for text", "for images"), ("over the internal network", "over the internet"), ("in the beta", "in the stable release"),
    ("for employees", "for contractors"), ("in debug mode", "in release mode"), ("on the main branch", "on the release branch"), ("in Q1", "in Q2"),
    ("for customer A", "for customer B"), ("on the first floor", "on the second floor"), ("for adults", "for children"), ("in the old office", "in the new office"),
)  # fmt: skip

CONDITIONS = (
    ("with compression", "without compression"), ("when the cache is warm", "when the cache is cold"), ("if the flag is set", "if the flag is not set"),
    ("under normal load", "under heavy load"), ("when the network is down", "when the network is up"), ("unless the user opts out", "if the user opts out"),
    ("with a valid token", "without a token"), ("below 100 users", "above 100 users"), ("during maintenance", "outside of maintenance"),
    ("when it rains", "when it is dry"), ("for files under 1 MB", "for files over 1 MB"), ("in case of an emergency", "otherwise"), ("if the vote passes", "if the vote fails"),
)  # fmt: skip

TIMES = (
    ("until last year", "since January"), ("in 2019", "today"), ("last month", "this month"), ("before the upgrade", "after the upgrade"), ("originally", "now"),
    ("in version 1", "since version 2"), ("last week", "this week"), ("in the first half of the year", "in the second half of the year"), ("at first", "later"),
    ("in May", "in October"), ("on Monday", "on Wednesday"), ("yesterday", "tomorrow"), ("in 2021", "in 2024"), ("until the merger", "after the merger"),
    ("in the past", "nowadays"), ("before the outage", "since the outage"), ("in the pilot phase", "in the final phase"), ("previously", "from now on"),
)  # fmt: skip

QUANTIFIED = (
    ("endpoints", "endpoint", "are documented", "are undocumented"), ("employees", "employee", "have badges", "have no badge"),
    ("builds", "build", "are reproducible", "are not reproducible"), ("invoices", "invoice", "have been paid", "are unpaid"),
    ("users", "user", "can export data", "cannot export data"), ("pages", "page", "are translated", "are not translated"),
    ("sensors", "sensor", "are calibrated", "are not calibrated"), ("members", "member", "voted for it", "voted against it"),
    ("modules", "module", "have tests", "have no tests"), ("servers", "server", "run the new kernel", "run the old kernel"),
    ("orders", "order", "were delivered", "were not delivered"), ("contracts", "contract", "are signed", "are not signed"),
    ("rooms", "room", "have a window", "have no window"), ("students", "student", "passed the exam", "failed the exam"),
    ("agents", "agent", "read the notes", "ignore the notes"), ("requests", "request", "are logged", "are not logged"),
    ("patients", "patient", "recovered", "did not recover"), ("flights", "flight", "are on time", "are delayed"),
    ("jobs", "job", "are idempotent", "are not idempotent"), ("teams", "team", "use the new tracker", "use the old tracker"),
)  # fmt: skip
