"""The word tables of the head's flags. Data only; part of the model: a change needs a training (training/README.md)."""

from __future__ import annotations

from typing import Final


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION: Final = _set(
    "a an the this that these those there here it its they them their he she his her him we us our you your i my me "
    "who whom which what whose as at by for from in into of on onto off out over to up upon via with within than then so "
    "such too very just also and or but is are was were be been being am do does did done has have had having will would "
    "shall should can could may might must s t re ve ll d about around"
)
NEGATORS: Final = _set("not no never none nobody nothing neither nor without cannot t lack lacks lacked n't hardly")
QUANTIFIERS: Final = _set(
    "all every each any some several many few most only both either always sometimes usually often rarely majority "
    "minority half nobody none everyone everybody anyone somebody someone mostly entirely partly exclusively"
)
CONDITIONS: Final = _set(
    "if unless when whenever while where provided assuming except during under otherwise once until for in on "
    "production staging test development default although however besides"
)
TIMES: Final = _set(
    "was were had did will now currently today yesterday tomorrow still yet already ago last next previously formerly "
    "earlier later since until first second third year month week quarter before after initially originally then"
)
ORDER: Final = _set("before after first last then earlier later prior following until")

_MONTHS = "january february march april may june july august september october november december"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_PARTS = "morning noon afternoon evening night midnight"
_SEASONS = "spring summer autumn fall winter"
_RHYTHM = "hourly daily nightly weekly monthly quarterly yearly annually"
CALENDAR: Final = {
    word: kind
    for kind, words in (("month", _MONTHS), ("day", _DAYS), ("part", _PARTS), ("season", _SEASONS), ("rhythm", _RHYTHM))
    for word in words.split()
    if word not in ("may", "march", "fall", "spring")  # ordinary words more often than not
} | {"q1": "quarter", "q2": "quarter", "q3": "quarter", "q4": "quarter"}
"""Words that name a time, by the kind within which two exclude each other."""

NUMBER_WORDS: Final = {
    word: float(value)
    for value, words in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
    )
    for word in (words,)
} | {
    "twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "ninety": 90.0, "hundred": 100.0,
    "thousand": 1e3, "million": 1e6, "billion": 1e9, "dozen": 12.0, "twice": 2.0, "once": 1.0, "single": 1.0,
}  # fmt: skip

SCALES: Final = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
LABELS: Final = _set("port version v room phase step chapter section tier level release stage line page item part")
MONEY: Final = _set("$ € £ dollar dollars euro euros pound pounds usd eur gbp")
MONTHS: Final = _set(f"{_MONTHS} jan feb mar apr jun jul aug sep sept oct nov dec")

UNITS: Final = {
    "k": (1e3, "count"),
    "m": (1e6, "count"),
} | {
    name: (scale, dimension)
    for dimension, rows in {
        "time": {
            "ms millisecond msec": 1e-3, "s sec second": 1.0, "min minute": 60.0, "h hr hour": 3600.0, "day": 86400.0,
            "week": 604800.0, "month": 2629800.0, "year": 31557600.0,
        },
        "size": {
            "b byte": 1.0, "kb kib kilobyte": 1e3, "mb mib megabyte": 1e6, "gb gib gigabyte": 1e9,
            "tb tib terabyte": 1e12,
        },
        "share": {"% percent pct": 1.0},
    }.items()
    for names, scale in rows.items()
    for name in names.split()
}  # fmt: skip
"""By name: the factor to a common unit, and the dimension. What is not here measures itself."""

_PAIRS = """
enable/disable enabled/disabled synchronous/asynchronous synchronously/asynchronously public/private pass/fail passed/failed
passes/fails succeed/fail succeeded/failed success/failure open/closed open/close opened/closed approve/reject approved/rejected
accept/reject accepted/rejected accept/decline accepted/declined fast/slow faster/slower fastest/slowest quick/slow
mutable/immutable
safe/unsafe stable/unstable required/optional mandatory/optional high/low higher/lower highest/lowest increase/decrease
increased/decreased rise/fall rose/fell rises/falls grow/shrink grew/shrank up/down gain/loss gained/lost valid/invalid
encrypted/unencrypted encrypted/plaintext compatible/incompatible complete/incomplete finished/unfinished supported/unsupported
online/offline stateful/stateless blocking/non healthy/unhealthy resolved/unresolved before/after first/last early/late
earlier/later start/end started/ended begin/end began/ended starts/ends more/less more/fewer most/fewest most/least max/min
maximum/minimum large/small larger/smaller largest/smallest big/small bigger/smaller long/short longer/shorter new/old newer/older
newest/oldest young/old good/bad better/worse best/worst right/wrong correct/incorrect true/false always/never all/none
everyone/nobody everything/nothing allow/forbid allowed/forbidden allow/deny allowed/denied allows/denies permit/prohibit
permitted/prohibited include/exclude included/excluded includes/excludes add/remove added/removed keep/delete kept/deleted
keep/drop kept/dropped create/destroy created/destroyed connect/disconnect connected/disconnected lock/unlock locked/unlocked
manual/automatic manually/automatically local/remote internal/external inside/outside above/below over/under left/right
north/south east/west easy/hard easy/difficult simple/complex cheap/expensive cheaper/dearer free/paid free/charged buy/sell
bought/sold win/lose won/lost winner/loser strong/weak stronger/weaker hot/cold warm/cold warmer/colder wet/dry full/empty
light/heavy light/dark bright/dark happy/sad alive/dead love/hate loves/hates like/dislike awake/asleep sitting/standing
standing/lying indoors/outdoors indoor/outdoor male/female man/woman men/women boy/girl boys/girls present/absent
positive/negative profit/loss profitable/unprofitable permanent/temporary temporarily/permanently single/multiple
sequential/parallel sequentially/concurrently single/several read/write reads/writes readable/unreadable writable/readonly
static/dynamic strict/lenient ascending/descending push/pull upload/download hire/fire hired/fired majority/minority
agree/disagree agreed/disagreed agrees/disagrees admit/deny admitted/denied confirm/deny confirmed/denied known/unknown
visible/hidden shown/hidden active/inactive alive/deceased ready/pending done/pending done/todo live/dead deprecated/current
legal/illegal possible/impossible likely/unlikely necessary/unnecessary common/rare frequently/rarely often/rarely
often/seldom same/different similar/different together/alone with/without flaky/reliable reliable/unreliable postpone/advance
delayed/punctual ahead/behind launched/cancelled ship/cancel shipped/cancelled continue/stop continued/stopped continues/stops
resume/pause resumed/paused raise/lower raised/lowered improve/worsen improved/worsened improve/degrade improved/degraded
unanimous/divided optimistic/pessimistic redundant/single guaranteed/best centralized/decentralized central/distributed
"""


def _opposites() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for pair in _PAIRS.split():
        one, other = pair.split("/")
        table.setdefault(one, set()).add(other)
        table.setdefault(other, set()).add(one)
    return {word: frozenset(against) for word, against in table.items()}


OPPOSITES: Final = _opposites()
"""Words of which one denies the other, both ways."""
