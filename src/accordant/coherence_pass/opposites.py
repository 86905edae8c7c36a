"""Words that a prefix turns into their opposite ("known", "unknown"), as WordNet 3.0 pairs them. Data only.

Extracted from the antonym pointers of WordNet 3.0's adjectives, adverbs and verbs. WordNet 3.0 Copyright 2006 by
Princeton University. All rights reserved. THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS" AND PRINCETON UNIVERSITY MAKES NO
REPRESENTATIONS OR WARRANTIES, EXPRESS OR IMPLIED. Permission to use, copy, modify and distribute it for any purpose and without
fee is granted by the WordNet licence, provided that this notice is kept; Princeton's name may not be used in advertising.
"""

from __future__ import annotations

from typing import Final

__all__ = ["PREFIXED"]

# fmt: off
_TABLE: Final = {
    "un": """
    abridged abused acceptable acceptably accommodating accompanied acknowledged acquisitive actable adaptable
    addicted addressed adjusted adoptable adorned adventurous affected affixed afraid aggressive agitated
    airworthy alarming alert alike alterable altered ambiguous ambiguously ambitious ambitiously amended
    analyzed angry animated apologetic appealable appealing appealingly appendaged appetizing appreciatively
    approachable argumentative armed armored articulated ashamed ashamedly assertive assertively assigned
    assisted attached attractive attractively attributable authorized available avenged awakened aware balance
    balanced balconied banded baptized barreled believably believingly belted beneficed blemished blended block
    bodied bordered bound braid brainwashed branded breakable bridgeable bridle broken buckle burden burdened
    buried button buttoned camphorated carpeted carved castrated caulked censored ceremoniously certified chain
    changeable changed characteristic characteristically charged charitable chartered chaste chivalrously
    christian civil civilly clasp classified clean clear cleared clothed clutter coated coiled collected colored
    combed combined comfortable comfortably committed common communicative compartmented compassionate
    complaining complainingly complimentary compromising concealed concerned conditional conditionally
    conditioned confined confirmed congenial connected conquerable conscientious conscious consciously
    constipated constitutional constitutionally constricted consummated contaminated contested controlled
    controversial controversially conventional conventionally convinced convincing convincingly cooperative
    corrected couple cousinly cover crannied crate creative critical critically cross crossed crowded crowned
    crystallized cultivated damaged datable deceive deciphered declared dedicated defeated defined delineated
    demanding democratic democratically demonstrative deniable dependable dependably derived descriptive
    deservedly designed desirable desirous detected determined developed differentiated dignified diluted dimmed
    diplomatic diplomatically discerning discriminating diversified documented domestic drained dramatic
    dramatically dress drinkable dynamic eager earned edifying educated emotional emotionally employable
    employed enclosed encumbered endowed enforceable enforced enlightened enlightening enlivened enterprising
    enthusiastic enthusiastically equal equally equipped equivocal erect established ethical ethically evenly
    eventful exchangeable excitable excited exciting excitingly exhausted expansive expected expendable expired
    exploited exportable extended faceted fairly faithful faithfully familiar fashionable fashionably fasten
    fastened fastidious fathomable favorable favorably feathered feelingly filled finished fixed flattering
    fledged focused forgettable forgivably forgiving forgivingly formed fortunate fortunately framed freeze
    fretted friendly frozen fruitful fueled funded furnished furrowed gathered geared generous glazed gracefully
    gracious graciously grammatical grammatically grateful gratefully gregarious groomed grudgingly guided
    gusseted happily happy harness headed healthful healthy helpful helpfully hitch hurried hurriedly
    hygienically identifiable imaginatively impaired important impressionable impressive impressively improved
    inflected influential informative informatively informed inhabited inhibited injectable injured inquiring
    inspiring instructive instructively insured intelligent intelligently intelligible intelligibly intended
    intentionally interested interesting interestingly intrusive inviting involved ironed justifiably justly
    kindly knowable knowingly labeled laced lamented laureled lawful lawfully leaded leavened lighted limited
    lined listed livable liveried loaded loved loving lubricated luckily lucky malicious malted manageable
    manageably manfully manly manned marked married mated melodious melodiously melted memorably merited
    military mindful mindfully mined mitigated modifiable modified modulated motivated motorized moved moving
    musical musically muzzle myelinated natural naturally necessarily necessary neurotic noticeable noticed
    obligated obstructed obtrusively obvious occupied offending official officially oiled opposable opposed
    organized oriented original orthodox ostentatious owned packaged paintable painted palatable palatably
    pardonable pardonably parented patriotic patriotically patronized paved peaceful perceptive permissive
    perplexed planned planted playable playful pleasant pleasantly plowed polished popular portable posed potted
    powered precedented precedentedly predictable prejudiced premeditated prepared presidential pretentious
    pretentiously preventable priestly principled printable processed productive productively professional
    profitable profitably pronounceable prophetic propitious propitiously protected protective proved
    provocative publishable published punctual punished qualified questionable quiet quietly quotable ravel
    reactive ready realistic realistically reasonable reasonably reassuring receptive recognizably reconstructed
    recoverable refined reflected regenerate registered regretful regulated related reliable reliably remarkably
    renewable rentable repeatable repentant repentantly reportable reported reproducible requested resentful
    reserved respectable responsive restrained restricted restrictive retentive reverberant revived rewarding
    rhetorical rhymed rhythmical rifled rigged righteous righteously romantically saddle saddled salable
    sanitary saponified sarcastic satisfactorily satisfactory saturated savory scalable scheduled scholarly
    scientific scramble screw scripted scrupulous sealed seamanlike seasonable seasonably seasoned seaworthy
    seductive seeded selected selfish selfishly sensational sentimentally serviceable servile settled shaded
    shapely shared shaven sheared sheathe sheathed shelled shockable shrinkable shuttered signed silenced
    sinkable sized skilled smilingly snarl sociable sociably social solved sound soured spaced specialized
    specified spell sportingly stable staged stained staple statesmanlike steadily steady stimulating stoppable
    strain strap stratified stressed string structured stuck studied stuff successful successfully suitably
    supervised supported supportive surprised surprising susceptible suspected swept sworn sympathetic
    sympathetically systematic systematically talented tangled tanned tapped tempered theatrical thematic
    thinkable timbered tipped touched traceable trained translatable traveled treated trimmed troubled
    trustworthy truthful truthfully tucked turned twine twist understood varied veiled ventilated voiced wanted
    warily waxed weaned wearable weave webbed welcome wholesome wieldy willing willingly witting wittingly
    womanly wooded worldly worthy woven wrapped wrinkled written
    """,
    "in": """
    accessible accurate accurately activate active adequate adequately admissible advertently advisable
    aesthetic alienable animate appropriate appropriately articulate articulately attentive audible audibly
    auspicious auspiciously calculable capable cautious cautiously clement coherent coherently commensurate
    commodious commutable comparable comparably compatible compatibly competent competently complete
    comprehensible compressible conclusive conclusively congruent congruous consequentially considerable
    considerate considerately consistent consistently consolable conspicuous conspicuously constant contestable
    continent convenient conveniently convertible corporeal correct correctly corrigible corrupt credible
    credibly credulous credulously curable curious decent decently decisive decisively decorous decorously
    defeasible definite dehiscent dependent destructible determinable determinate digestible direct directly
    discernible discreet discreetly discriminate dispensable dispose distinct distinguishable divisible edible
    effective effectively effectually efficacious efficaciously efficient efficiently elastic elegant elegantly
    eligible eloquently equitable equitably eradicable essential evitable exact exactly excusable excusably
    exhaustible expedient expediently experienced explicable expressible expressively extinguishable extricable
    fallible felicitous felicitously finite finitely flexible flexibly formal formally frequent frequently
    glorious harmonious hospitable hospitably humane humanely judiciously numerate offensive offensively
    operable operative opportune opportunely organic organically sanely satiate secure securely sensible
    sensitive sensitively sentient separably significant significantly sincere sincerely soluble solvent
    subordinate substantial sufficient sufficiently surmountable tangible temperate testate tolerable tolerably
    tolerant tolerantly tractable transitive transitively valid validate variable vertebrate violable visible
    visibly voluntarily voluntary vulnerable
    """,
    "im": """
    material mature maturely measurable measurably mediate miscible mobile moderate moderately modest modestly
    moral morally mortal mutable palpable partial passable patient patiently penetrable penitent penitently
    perceptible perceptibly perfect perfectly perishable permanent permeable permissible permissibly personal
    personally pervious pious placable plausible polite politely politic ponderable possible possibly potent
    practical precise precisely probable proper properly provident providently prudent prudently
    """,
    "ir": """
    rational rationally reconcilable reducible regular regularly relevant relevantly religious remediable
    removable reparable replaceable resistible resolute resolutely responsible responsibly reverent reverently
    reversible revocable
    """,
    "il": """
    legal legible legibly legitimate legitimately licit licitly literate logical logically
    """,
    "dis": """
    advantage advantageous advantageously agree agreeable agreeably approve arrange arranged assemble believe
    composed connect content contented continuous courteous courteously enchant enchanted enfranchise
    enfranchised entangle hearten honest honestly honor honorable honorably inclined infect integrate
    integrative loyal loyally obedient obediently ordered orderly organise organize organized orient orienting
    please pleased pleasing proportionate proportionately prove qualify reputable reputably respect respectful
    respectfully satisfy similar trust trustful trustfully unify
    """,
    "non": """
    absorbent addictive adhesive adsorbent alcoholic aligned arbitrable arbitrary arboreal associative
    astringent bearing causative cellular civilized classical collapsible columned combinative combustible
    commercial commissioned competitive competitively comprehensive comprehensively conductive conformist
    critical crucial crystalline current cyclic deductible disposable echoic effervescent exempt existent
    exploratory explosive extensile fatal fictional financial fissile fissionable functional harmonic
    hierarchical human imitative indulgent industrial infectious inheritable institutional institutionalized
    integrated intellectual invasive ionic ionized judgmental linear linguistic magnetic mechanical metallic
    metamorphic migratory modern monotonic moving native operational particulate partisan passerine
    photosynthetic political porous pregnant prehensile prescription professional proprietary psychoactive
    racial radioactive random reciprocal reflective repetitive representational representative resident
    residential reticulate retractile returnable reversible rigid ruminant sectarian significant slippery
    spatial speaking specific spherical standard steroidal submersible suppurative surgical syllabic taxable
    technical territorial thermal toxic traditional translational union violent violently volatile washable
    woody
    """,
    "de": """
    calcify centralise centralize centralized centralizing certify classify colonise colonize compress
    concentrate contaminate criminalise criminalize differentiate humanize humidify hydrogenate magnetise
    magnetize materialise materialize militarise militarize mobilise mobilize mystify mythologize nationalise
    nationalize naturalize nitrify odorize odourise oxidise oxidize personalise personalize pressurise
    pressurize regulate requisition restrict salinate segregate sensitise sensitize sensitizing stabilise
    stabilize synchronise synchronize vitalize
    """,
}
# fmt: on

PREFIXED: Final = tuple((word, prefix + word) for prefix, words in _TABLE.items() for word in words.split())
"""Pairs of a word and its denial."""
