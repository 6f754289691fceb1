"""The whole country: who has which information system, what each may ask of the others, and who hears of what.

Rights are the least that the journeys need, endpoint by endpoint: what does not stand here is refused.
"""

from __future__ import annotations

from dataclasses import replace

from sild.nation.plan import DEMO, MemberPlan, Right, SubscriptionPlan, SystemKind, SystemPlan

__all__ = ["COUNTRY"]

AUTHORITY = replace(
    DEMO.operator,
    subsystems=(*DEMO.operator.subsystems, ("portal", "Portal"), ("identity", "Identity provider")),
)
POPULATION = DEMO.provider
INSURANCE = replace(DEMO.consumer, subsystems=(("insurance", "Health insurance register"),))
SOCIAL = MemberPlan(
    "GOV", "70000004", "Social Insurance Board", "", (("social", "Social insurance register"),)
)
MUNICIPALITY = MemberPlan("GOV", "70000005", "Municipality", "", (("education", "Kindergarten places"),))
LAND = MemberPlan("GOV", "70000006", "Land and Address Board", "", (("residence", "Residence register"),))
HOSPITAL = MemberPlan("COM", "90000001", "Hospital", "", (("hospital", "Hospital information system"),))

SYSTEMS = (
    SystemPlan("population", POPULATION, "population", POPULATION, ("population",)),
    SystemPlan("residence", LAND, "residence", POPULATION, ("residence", "events")),
    SystemPlan("social", SOCIAL, "social", POPULATION, ("social", "events")),
    SystemPlan("education", MUNICIPALITY, "education", POPULATION, ("education", "events")),
    SystemPlan("insurance", INSURANCE, "insurance", INSURANCE, ("insurance", "events")),
    SystemPlan("hospital", HOSPITAL, "hospital", INSURANCE),
    SystemPlan("identity", AUTHORITY, "identity", INSURANCE),
    SystemPlan("portal", AUTHORITY, "portal", INSURANCE, ("events",)),
)

DECISIONS = (
    "GET /persons/*/decisions",
    "GET /decisions/*",
    "GET /decisions/*/bundle",
    "GET /decisions/*/replay",
    "POST /decisions/*/contests",
    "POST /decisions/*/contests/*/end",
    "GET /algorithms/*/figures",
)
COMMON = ("GET /findUsage", "GET /description")
"""For the tracker, and for once-only: what a register holds, no screen may ask."""
OWN_DATA = ("GET /persons/*/facts", "POST /facts/*/dispute", "GET /disputes/*")

NEEDS: dict[tuple[SystemKind, SystemKind], tuple[str, ...]] = {
    ("hospital", "population"): ("POST /birth-notices", "POST /deaths"),
    ("identity", "population"): ("GET /persons/*/relations",),
    ("insurance", "population"): ("GET /persons/*",),
    ("insurance", "residence"): ("GET /persons/*/residence",),
    ("social", "population"): ("GET /persons/*", "GET /persons/*/children"),
    ("social", "residence"): ("GET /persons/*/residence", "GET /households/*"),
    ("education", "population"): ("GET /persons/*", "GET /persons/*/children"),
    ("education", "residence"): ("GET /persons/*/residence",),
    ("portal", "population"): (
        *COMMON,
        *OWN_DATA,
        "GET /persons/*",
        "GET /persons/*/children",
        "GET /persons/*/parents",
        "GET /persons/*/guardians",
        "GET /persons/*/relations",
        "GET /births/*",
        "POST /births/*/paternity",
        "POST /births/*/registration",
        "POST /unknown-persons",
    ),
    ("portal", "residence"): (
        *COMMON,
        *OWN_DATA,
        "GET /addresses",
        "GET /addresses/*",
        "GET /dwellings/*",
        "GET /dwellings/*/owners",
        "GET /dwellings/*/residents",
        "GET /persons/*/residence",
        "GET /persons/*/dwellings",
        "GET /households/*",
        "GET /divisions",
        "GET /divisions/*",
        "GET /competence",
        "POST /moves",
        "POST /unknown-persons",
        "GET /events/*/deliveries",
        "POST /removals",
        "POST /removals/*/objection",
        "POST /removals/*/decision",
    ),
    ("portal", "insurance"): (*COMMON, *DECISIONS, "GET /persons/*/cover", "GET /persons/*/card"),
    ("portal", "social"): (
        *COMMON,
        *DECISIONS,
        "GET /persons/*/benefits",
        "GET /persons/*/offers",
        "GET /offers/*",
        "POST /offers/*/acceptance",
    ),
    ("portal", "education"): (
        *COMMON,
        *DECISIONS,
        "GET /places",
        "GET /places/statistics",
        "GET /children/*/queue",
        "POST /children/*/wish",
        "POST /children/*/place",
    ),
}

BIRTHS = ("civil.birth.registered",)
SILENCING = ("civil.death.registered", "civil.stillbirth.recorded", "civil.protection.ordered")

SUBSCRIPTIONS = (
    SubscriptionPlan("population", "residence", ("civil.*",)),
    SubscriptionPlan("population", "insurance", (*BIRTHS, *SILENCING)),
    SubscriptionPlan("population", "social", (*BIRTHS, *SILENCING)),
    SubscriptionPlan("population", "education", (*BIRTHS, *SILENCING)),
    SubscriptionPlan("population", "portal", ("civil.child.recorded", "person.known", *BIRTHS, *SILENCING)),
    SubscriptionPlan("residence", "portal", ("residence.changed", "person.known")),
    SubscriptionPlan("insurance", "portal", ("insurance.cover.began", "insurance.card.issued")),
    SubscriptionPlan(
        "social", "portal", ("social.offer.made", "social.offer.held", "social.benefit.granted")
    ),
    SubscriptionPlan(
        "education",
        "portal",
        ("education.queue.joined", "education.wait.reviewed", "education.place.offered"),
    ),
)

COUNTRY = replace(
    DEMO,
    operator=AUTHORITY,
    consumer=INSURANCE,
    guests=(SOCIAL, MUNICIPALITY, LAND, HOSPITAL),
    systems=SYSTEMS,
    system_rights=tuple(
        Right(client, provider, *need.split(" "))
        for (client, provider), needs in NEEDS.items()
        for need in needs
    ),
    subscriptions=SUBSCRIPTIONS,
)
