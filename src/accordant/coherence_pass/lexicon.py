"""The word tables of the rules: what carries no content, what denies, what opposes, what narrows. Data only.

All entries are lower case. Tables that are compared with content words hold plain words; `words.py` stems them once.
"""

from __future__ import annotations

from typing import Final


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS: Final = _set(
    "a an the this that these those there here it its they them their he she his her we our us you your i my me "
    "one who whom which what whose as at by for from in into of on onto off out over per to up upon via with "
    "within than then so such too very just only also both and or but yet about around because since until till "
    "is are was were be been being am 's do does did doing done has have had having will would shall should can "
    "could may might must need needs ought let lets each every all any own same still now currently today "
    "presently already however therefore thus hence indeed exactly precisely actually e.g i.e etc again ever "
    "always approximately roughly circa nearly almost definitely really truly simply clearly certainly absolutely"
)
"""Words that never make two statements different. Negators, conditions and relations are not among them."""

LIGHT_VERBS: Final = _set(
    "get give take hold include contain stand amount sit come make keep schedule plan set run happen occur place "
    "measure record report estimate reach equal remain become allot allow able permit let allocate way available "
    "exist value figure number date according kept held stood got gave given took taken came made ran"
)
"""Verbs and nouns that only tie a subject to its value ("stands at", "is given", "is scheduled for")."""

LIFETIME: Final = _set("keep retain delete remove purge expire valid live last store persist discard")
"""With a duration these all say how long something stays: "kept for 30 days", "deleted after 30 days"."""

NEGATORS: Final = _set("not no never none nobody nothing neither nor without cannot can't won't don't doesn't didn't")
NEGATING_VERBS: Final = _set(
    "unavailable lack lacks lacked stop stops stopped cease ceases ceased refuse refuses refused forbid forbids forbidden "
    "prohibit prohibits prohibited exclude excludes excluded disallow disallows disallowed ban bans banned omit omits omitted "
    "discontinue discontinues discontinued"
)
"""Verbs that deny what follows them ("stopped supporting")."""

PRONOUN_SUBJECTS: Final = _set("it they this these those that he she both such")
"""A statement that begins with one of these speaks of something outside it, so it proves nothing by itself."""

SUBJECTLESS: Final = _set(
    "indicates returns specifies similar allows prevents enables disables sets gets same rejected resolved like "
    "see use without with"
)
"""First words of a remark whose subject is somewhere else."""

HEDGES: Final = _set(
    "might could should would maybe perhaps possibly probably suppose assume assuming suggest suggests consider "
    "unclear unknown whether hypothetically ideally propose proposes proposal example e.g think thinks believe "
    "believes claims guess seems appears unsure likely unlikely ought wants want hope hopes expect expects said "
    "says"
)
"""Not asserted by its writer: never a definite contradiction."""

SOME: Final = _set(
    "some several many few most certain other another various sometimes often usually mostly partly rarely"
)
"""Quantifiers under which a statement and its denial can both be true."""

REVISIONS: Final = _set(
    "previously formerly originally initially earlier instead replaced replaces corrected changed changes rename "
    "renamed superseded supersedes obsolete deprecated correction outdated migrated became switched anymore "
    "raised lowered bumped"
)
"""Words that tell how something came to be: two values in one history do not contradict."""

FIRST_PERSON: Final = _set("i my mine me")
"""Two agents that say "I" speak of two subjects."""

CONDITIONS: Final = _set("if unless when whenever while once where provided assuming except during under otherwise")
PAST: Final = _set("was were had did")
PRESENT: Final = _set("is are has have does do will now currently today can must may")
FUTURE: Final = _set("will won't shall")
FINITE: Final = (
    PAST | PRESENT | _set("should might could would shall doesn't don't didn't can't won't isn't aren't wasn't")
)

OPPOSITES: Final = (
    ("enable enables enabled", "disable disables disabled"),
    ("synchronous synchronously sync", "asynchronous asynchronously async"),
    ("public", "private"),
    ("pass passes passed succeed succeeds succeeded success successful", "fail fails failed failure unsuccessful"),
    ("open opened", "closed close closes"),
    ("approve approved approves accept accepted accepts", "reject rejected rejects decline declined"),
    ("fast faster fastest", "slow slower slowest"),
    ("mutable", "immutable"),
    ("reversible", "irreversible"),
    ("safe", "unsafe"),
    ("stable", "unstable"),
    ("required mandatory require requires", "optional"),
    ("higher high", "lower low"),
    (
        "increase increases increased rise rises rose risen grow grows grew",
        "decrease decreases decreased drop drops dropped fall falls fell",
    ),
    ("valid", "invalid"),
    ("encrypted", "unencrypted"),
    ("compatible", "incompatible"),
    ("complete completed finished", "incomplete unfinished"),
    ("supported support supports", "unsupported"),
    ("online", "offline"),
    ("stateful", "stateless"),
    ("blocking", "non-blocking nonblocking"),
    ("profitable", "unprofitable"),
    ("healthy", "unhealthy"),
    ("resolved", "unresolved"),
    ("writable", "read-only readonly"),
    ("active", "inactive"),
    ("known", "unknown"),
    ("internal", "external"),
    ("local locally", "remote remotely"),
    ("static", "dynamic"),
    ("manual manually", "automatic automatically automated"),
    ("strict", "lenient"),
    ("persistent durable", "ephemeral volatile"),
    ("sequential sequentially serial serially", "parallel concurrent concurrently"),
    ("single-threaded", "multi-threaded multithreaded"),
    ("lossless", "lossy"),
    ("best", "worst"),
    ("cheap cheaper cheapest", "expensive dear dearest"),
    ("win wins won", "lose loses lost"),
    ("confirm confirms confirmed", "deny denies denied"),
    ("present", "absent"),
    ("true", "false"),
    ("correct correctly right", "incorrect incorrectly wrong wrongly"),
    ("full", "empty"),
    ("common", "rare"),
    ("easy easier simple simpler", "hard harder difficult complicated"),
    ("strong stronger strongest", "weak weaker weakest"),
    ("wide wider", "narrow narrower"),
    ("visible", "invisible hidden"),
    ("central centralised centralized", "decentralised decentralized"),
    ("horizontal horizontally", "vertical vertically"),
    ("direct directly", "indirect indirectly"),
    ("temporary temporarily", "permanent permanently"),
    ("above", "below"),
    ("inside", "outside"),
    ("majority", "minority"),
    ("better", "worse"),
    ("longer longest", "shorter shortest"),
    ("larger largest bigger biggest", "smaller smallest"),
    ("older oldest", "newer newest younger youngest"),
    ("earlier earliest", "later latest"),
    ("remember remembers remembered", "forget forgets forgot forgotten"),
    ("improve improves improved", "worsen worsens worsened deteriorate deteriorates deteriorated"),
    ("gain gains gained", "loss losses"),
    ("upgrade upgraded upgrades", "downgrade downgraded downgrades"),
    ("online", "offline"),
    ("legal", "illegal"),
    ("live alive", "dead"),
    ("happy", "sad"),
    ("clean", "dirty"),
    ("dry", "wet"),
    ("hot warm", "cold cool"),
    ("heavy", "light"),
    ("loud", "quiet"),
    ("good", "bad evil"),
    ("rich", "poor"),
    ("before", "after"),
)
"""Pairs of which one denies the other. `before`/`after` count as an order, not as a quality."""

SYNONYMS: Final = (
    "start begin began begun starts commence kick",
    "end finish ended conclude",
    "release publish ship",
    "delete remove",
    "build compile",
    "e-mail email mail",
    "db database",
    "repo repository",
    "max maximum",
    "min minimum",
    "config configuration",
    "doc document",
    "authentication authenticate auth",
    "use used using usage",
    "buy purchase",
    "customer client",
    "bug defect",
    "cost price",
    "main primary",
    "replica replicate",
    "guarantee guaranteed",
    "cancel cancelled canceled",
    "control controlled",
    "agree agreed",
    "send sent",
    "write wrote written",
    "choose chose chosen",
    "hire hired",
    "store stored",
    "own owned",
    "production prod",
    "development dev",
    "dimension dimensional",
    "keep retain kept retained",
    "worker process",
    "retire sunset decommission",
    "error failure",
    "wait delay",
    "user member",
    "meet meeting met",
    "chair moderate",
    "connect connection",
    "complete completion",
    "deploy deployment",
    "migrate migration",
    "validate validation",
    "encrypt encryption",
    "compress compression",
    "approve approval",
    "launch rollout",
    "memory ram",
    "team group",
    "request call",
    "timeout time-out",
)

PHRASES: Final = {
    ("no", "longer"): ("not",), ("come", "out"): ("release",), ("came", "out"): ("release",),
    ("comes", "out"): ("release",), ("kick", "off"): ("start",), ("kicks", "off"): ("start",),
    ("kicked", "off"): ("start",), ("go", "live"): ("launch",), ("goes", "live"): ("launch",),
    ("went", "live"): ("launch",), ("not", "only"): (), ("not", "just"): (), ("not", "necessarily"): ("might",),
    ("fail", "to"): ("not",), ("fails", "to"): ("not",), ("failed", "to"): ("not",), ("unable", "to"): ("not",),
    ("on", "time"): ("timely",), ("by", "default"): (), ("at", "least"): (), ("at", "most"): (), ("set", "to"): ("is",),
    ("times", "out"): ("timeout",), ("time", "out"): ("timeout",), ("timed", "out"): ("timeout",),
    ("turned", "on"): ("enabled",), ("turned", "off"): ("disabled",), ("switched", "on"): ("enabled",),
    ("switched", "off"): ("disabled",), ("as", "well"): (), ("used", "to"): ("previously",),
    ("late", "on"): (), ("early", "on"): (), ("late", "in"): (), ("early", "in"): (), ("went", "up"): ("increased",),
    ("go", "up"): ("increased",), ("goes", "up"): ("increased",), ("went", "down"): ("decreased",),
    ("go", "down"): ("decreased",), ("goes", "down"): ("decreased",), ("follow", "up"): ("follow-up",),
}  # fmt: skip
"""Two words that stand for others."""

DATABLE: Final = _set(
    "release start end expire due launch migration migrate deadline sign found open close renew cutover freeze "
    "kickoff contract deliver delivery complete go-live retire sunset upgrade rollout election wedding renewal "
    "audit review conference merger acquisition delivered born"
)
"""What happens once: two dates for it exclude each other. Anything else may have happened on both."""

EVENTS: Final = _set(
    "found added fixed closed sent received saw seen observed met wrote created removed deleted merged reviewed "
    "tried logged filed raised asked answered committed processed handled visited tested called sold bought "
    "spotted shipped hired"
)
"""Acts that can be done again, as told afterwards: two counts of them may be two occasions."""

LABELS: Final = _set(
    "version v python node java iso rfc http https ipv issue pr ticket section step phase figure table chapter "
    "page line item release sprint tier level stage round part option case rule invariant request bug task test "
    "milestone appendix error code exit utf sha web type group class team grade priority p layer iteration day "
    "week build commit epoch attempt paper number entry sample experiment trial study survey interview participant "
    "respondent slide memo document chunk batch note observation"
)
"""Words before a number that make it a name ("phase 2", "HTTP 404"), not a measure."""

MULTI_VALUED: Final = _set(
    "note notes comment comments tag tags text summary description body message title todo warning example update "
    "correction tip question answer source sources link url see reference references by author authors at created "
    "updated timestamp date_created confidence score ref reason why details evidence id uuid key name labels "
    "rationale quote default extends inherits perf kind type hash links usage returns args raises "
    "compared op n"
)
"""Attributes whose values may differ without one being wrong: opinions, remarks, identities, bookkeeping."""

POINTER_KEYS: Final = frozenset({"ref", "similarity"})
"""An object with these points at another statement, and states nothing of its own (the links of a corpus' entries)."""

CHANGING: Final = _set("status state phase progress stage health last current next latest")
"""Attributes that are expected to move on: unequal values are `possible` at most."""

SUBJECT_KEYS: Final = (
    "subject", "name", "service", "component", "metric", "entity", "account", "customer", "company", "product", "item",
    "topic", "feature", "parameter", "key", "title", "id",
)  # fmt: skip
"""Fields of an object that say what its other fields are about, best first."""

EXCLUSIVE: Final = _set(
    "owner lead leader reviewer assignee manager chair sponsor contact maintainer host branch store database language framework "
    "license licence region provider vendor protocol format encoding strategy algorithm backend broker orm default capital "
    "headquarters name winner ceo cto founder successor author editor moderator coordinator architect approver deadline "
    "leading supplier engine compiler runtime scheduler queue topic currency timezone cloud cluster platform customer champion"
)
"""Of these a thing has one: two names for it exclude each other."""

BROAD_PLACES: Final = _set(
    "european american asian europe eu emea asia apac africa america americas us usa uk germany ireland france japan "
    "sweden india canada china australia brazil spain italy poland netherlands cloud aws gcp azure"
)
"""Places that hold others: a service in Europe may be in Frankfurt."""

THIN: Final = _set(
    "value minimum maximum min max default allowed range type number result option field setting parameter property length "
    "index callback function method argument return class name test example"
)
"""Nouns that stand for a subject named elsewhere: two values for nothing but these may belong to two things."""

NARROWING: Final = _set(
    "january february march april may june july august september october november december monday tuesday wednesday thursday "
    "friday saturday sunday today yesterday staging production prod test testing development dev local linux windows macos "
    "mac android ios option alternative alternatives choice proposal proposals variant old new before after previous next "
    "past future history changelog changes legacy example examples scenario case version release draft rejected considered "
    "advantages disadvantages pros cons not v free paid pro enterprise"
)
"""Words of headings that say when, where or in which case: what stands under them need not hold elsewhere."""

GENERIC_HEADINGS: Final = _set(
    "summary overview introduction intro conclusion conclusions background details notes findings appendix "
    "abstract results tl;dr tldr report brief draft document facts key log discussion analysis architecture design "
    "deployment operations team people ownership timeline plan planning schedule status updates risks limits "
    "configuration setup usage security storage performance reliability decisions next steps context goals scope "
    "requirements infrastructure monitoring observability testing and the of technical general current where we "
    "are what running it how works implementation rollout milestones questions issues at a glance"
)
"""Headings that do not narrow what is under them."""
