"""The whole country: who has which information system, what each may ask of the others, and who hears of what.

Rights are the least that the journeys need, endpoint by endpoint: what does not stand here is refused.
"""

from __future__ import annotations

from dataclasses import replace

from sild.errors import CallerError
from sild.nation.countries import BodyKind, CountryDescription, load_country
from sild.nation.plan import DEMO, MemberPlan, NationPlan, Right, SubscriptionPlan, SystemKind, SystemPlan

__all__ = ["COUNTRY", "country_plan", "ensure_people_enough"]

DECISIONS = (
    "GET /persons/*/decisions",
    "GET /decisions/*",
    "GET /decisions/*/bundle",
    "GET /decisions/*/replay",
    "POST /decisions/*/deliveries",
    "POST /decisions/*/contests",
    "POST /decisions/*/contests/*/end",
    "POST /decisions/*/contests/*/anew",
    "GET /officials/contests",
    "GET /algorithms/*/figures",
    "GET /algorithms/*/running",
    "GET /rules/*/specimen",
    "GET /samples",
    "GET /findings",
    "GET /findings/*",
    "POST /findings/*/upheld",
    "GET /supervision/overview",
    "GET /supervision/withheld",
    "GET /tally-openings",
    "GET /supervision/decisions",
    "GET /supervision/decisions/*",
    "GET /supervision/decisions/*/*",
    "POST /supervision/decisions/*/releases",
    "POST /supervision/decisions/*/findings",
    "POST /supervision/decisions/*/findings/*/end",
    "POST /supervision/samples",
    "GET /supervision/samples/*",
    "GET /supervision/releases",
    "POST /supervision/releases/*/answer",
    "GET /supervision/algorithms/*/*",
)
"""Of people about themselves, of contests, and of auditors by their mandate."""
MANDATES = ("GET /auditors/*",)
"""A register that is about to show a decision asks what the auditor may look at."""
COMMON = (
    "GET /findUsage",
    "GET /usagePeriod",
    "GET /heartbeat",
    "GET /persons/*/usage-container",
    "GET /description",
)
"""For the tracker and its evidence, and for once-only: what a register holds, no screen may ask."""
OWN_DATA = ("GET /persons/*/facts", "POST /facts/*/dispute", "GET /disputes/*")
"""Shown to people, and disputed by them: there, or in a contest of what was decided from it."""
MATTERS = ("GET /matters/*/*",)
"""What waits for an official of the body that keeps the register, for its desk."""
CONSULTATIONS = (
    "POST /consultations",
    "GET /consultations/*",
    "POST /consultations/*/withdrawal",
    "POST /consultations/*/answer",
)
"""One office's questions to the body of another: asked from a case, answered at a desk."""
DISPUTES = ("POST /disputes/*/refusal", "POST /disputes/*/correction")
RIPPLES = ("POST /ripples/*/end",)

NEEDS: dict[tuple[SystemKind, SystemKind], tuple[str, ...]] = {
    ("hospital", "population"): ("POST /birth-notices", "POST /stillbirths", "POST /deaths"),
    ("identity", "population"): ("GET /persons/*/relations", "GET /persons/*/status"),
    ("identity", "business"): ("GET /persons/*/companies", "GET /companies/*"),
    ("population", "identity"): MANDATES,
    ("insurance", "identity"): MANDATES,
    ("social", "identity"): MANDATES,
    ("education", "identity"): MANDATES,
    ("residence", "identity"): MANDATES,
    ("cases", "identity"): MANDATES,
    ("insurance", "population"): ("GET /persons/*",),
    ("insurance", "residence"): ("GET /persons/*/residence",),
    ("social", "population"): ("GET /persons/*", "GET /persons/*/children"),
    ("social", "residence"): ("GET /persons/*/residence", "GET /households/*"),
    ("care", "population"): ("GET /persons/*",),
    ("care", "residence"): ("GET /persons/*/residence",),
    ("tax", "residence"): ("GET /persons/*/residence",),
    ("tax", "population"): ("GET /persons/*", "POST /withholdings"),
    ("electoral", "residence"): ("GET /persons/*/residence",),
    ("electoral", "population"): ("GET /persons/*",),
    ("parking", "residence"): ("GET /persons/*/residence",),
    ("parking", "population"): ("GET /persons/*",),
    ("population", "archive"): ("POST /packages", "GET /packages/*"),
    ("social", "treasury"): (
        "POST /payment-orders",
        "GET /payment-orders/*",
        "POST /payment-orders/*/stop",
    ),
    ("education", "population"): ("GET /persons/*", "GET /persons/*/children", "GET /persons/*/guardians"),
    ("education", "residence"): ("GET /persons/*/residence",),
    ("portal", "population"): (
        *COMMON,
        *OWN_DATA,
        *DECISIONS,
        *MATTERS,
        *CONSULTATIONS,
        *DISPUTES,
        *RIPPLES,
        "POST /disputes/*/known",
        "POST /disputes/*/annulment",
        "POST /reviews/*/decision",
        "GET /persons/*",
        "GET /persons/*/children",
        "GET /persons/*/parents",
        "GET /persons/*/guardians",
        "GET /persons/*/relations",
        "GET /births/*",
        "POST /birth-papers",
        "GET /birth-papers/*",
        "GET /persons/*/birth-certificates",
        "GET /persons/*/birth-certificates/*",
        "GET /persons/*/birth-certificates/*/pdf",
        "GET /issuer",
        "GET /status-list",
        "POST /births/*/paternity",
        "POST /births/*/paternity/before-official",
        "POST /births/*/registration",
        "POST /births/*/return",
        "POST /unknown-persons",
        "GET /evidence-requests/*",
        "GET /evidence-requests/*/document",
        "POST /evidence-requests/*/answer",
    ),
    ("portal", "residence"): (
        *COMMON,
        *OWN_DATA,
        *DECISIONS,
        *MATTERS,
        *CONSULTATIONS,
        *DISPUTES,
        *RIPPLES,
        "POST /disputes/*/known",
        "GET /addresses",
        "GET /addresses/*",
        "GET /dwellings/*",
        "GET /dwellings/*/owners",
        "GET /dwellings/*/residents",
        "GET /persons/*/residence",
        "GET /persons/*/dwellings",
        "GET /persons/*/leases",
        "GET /persons/*/leases-given",
        "GET /companies/*/leases-given",
        "POST /dwellings/*/leases",
        "POST /leases/*/end",
        "GET /companies/*/dwellings",
        "GET /companies/*/facts",
        "GET /households/*",
        "GET /divisions",
        "GET /divisions/*",
        "GET /competence",
        "POST /moves",
        "POST /moves/return",
        "POST /owner-disputes",
        "POST /words/withdrawal",
        "POST /unknown-persons",
        "GET /events/*/deliveries",
        "POST /removals",
        "POST /removals/*/objection",
        "POST /removals/*/decision",
    ),
    ("portal", "insurance"): (
        *COMMON,
        *OWN_DATA,
        *DECISIONS,
        *MATTERS,
        *CONSULTATIONS,
        *DISPUTES,
        *RIPPLES,
        "GET /persons/*/cover",
        "GET /persons/*/card",
        "GET /persons/*/card/pdf",
        "POST /persons/*/card/wallet",
        "POST /persons/*/card/wallet/end",
        "GET /issuer",
        "GET /status-list",
    ),
    ("portal", "social"): (
        *COMMON,
        *OWN_DATA,
        *DECISIONS,
        *MATTERS,
        *CONSULTATIONS,
        *DISPUTES,
        *RIPPLES,
        "POST /offers/*/release",
        "POST /offers/*/refusal",
        "GET /persons/*/benefits",
        "GET /persons/*/offers",
        "GET /offers/*",
        "POST /offers/*/acceptance",
        "POST /offers/*/account",
        "GET /offers/*/payment-orders",
    ),
    ("portal", "treasury"): (*COMMON, *OWN_DATA, *MATTERS, *CONSULTATIONS, *DISPUTES),
    ("portal", "care"): (
        *COMMON,
        *OWN_DATA,
        *MATTERS,
        *CONSULTATIONS,
        *DISPUTES,
        "GET /practices",
        "GET /persons/*/practice",
        "POST /persons/*/practice",
    ),
    ("portal", "tax"): (*COMMON, *OWN_DATA, *MATTERS, *CONSULTATIONS, *DISPUTES),
    ("portal", "electoral"): (*COMMON, *OWN_DATA, *MATTERS, *CONSULTATIONS, *DISPUTES),
    ("portal", "parking"): (*COMMON, *OWN_DATA, *MATTERS, *CONSULTATIONS, *DISPUTES),
    ("portal", "business"): (
        *COMMON,
        *OWN_DATA,
        *MATTERS,
        *CONSULTATIONS,
        *DISPUTES,
        "GET /companies/*",
        "GET /companies/*/facts",
        "GET /persons/*/companies",
        "GET /persons/*/holdings",
    ),
    ("portal", "cases"): (*COMMON, *DECISIONS),
    ("portal", "archive"): COMMON,
    ("portal", "hospital"): COMMON,
    ("portal", "education"): (
        *COMMON,
        *OWN_DATA,
        *DECISIONS,
        *MATTERS,
        *CONSULTATIONS,
        *DISPUTES,
        *RIPPLES,
        "GET /places",
        "GET /places/statistics",
        "GET /children/*/queue",
        "GET /children/*/wishes",
        "POST /children/*/wish",
        "POST /children/*/place",
    ),
}

EVIDENCE: dict[SystemKind, tuple[SystemKind, ...]] = {
    "population": ("population", "portal", "hospital", "residence"),
    "insurance": ("insurance", "population", "residence", "portal"),
    "social": ("social", "population", "residence", "portal", "treasury"),
    "education": ("education", "population", "residence", "portal"),
    "residence": ("residence", "portal"),
    "cases": ("portal", "education"),
    "portal": ("portal", "population", "residence", "insurance", "social", "education"),
}
"""Whose message log each may ask whether a message lies in it: its own, and theirs with whom it exchanges what it decides from."""

BIRTHS = ("civil.birth.registered",)
WAITING = ("matter.opened", "matter.settled", "consultation.answered")
SILENCING = (
    "civil.death.registered",
    "civil.death.annulled",
    "civil.stillbirth.recorded",
    "civil.protection.ordered",
    "civil.protection.ended",
)

SUBSCRIPTIONS = (
    SubscriptionPlan("population", "residence", ("civil.*",)),
    SubscriptionPlan("population", "insurance", (*BIRTHS, *SILENCING, "fact.corrected")),
    SubscriptionPlan("population", "social", (*BIRTHS, *SILENCING, "fact.corrected")),
    SubscriptionPlan(
        "population", "education", (*BIRTHS, *SILENCING, "civil.guardian.recorded", "fact.corrected")
    ),
    SubscriptionPlan(
        "population",
        "portal",
        (
            "civil.child.recorded",
            "civil.paper.settled",
            "civil.guardian.recorded",
            "person.known",
            "decision.corrected",
            *BIRTHS,
            *SILENCING,
            *WAITING,
        ),
    ),
    SubscriptionPlan("residence", "insurance", ("residence.changed",)),
    SubscriptionPlan("residence", "social", ("residence.changed", "fact.corrected")),
    SubscriptionPlan("residence", "education", ("residence.changed", "fact.corrected")),
    *(
        plan
        for follower in ("tax", "electoral", "parking", "care")
        for plan in (
            SubscriptionPlan("population", follower, (*(BIRTHS if follower == "care" else ()), *SILENCING)),
            SubscriptionPlan("residence", follower, ("residence.changed",)),
            SubscriptionPlan(follower, "portal", (f"{follower}.home.followed", *WAITING)),
        )
    ),
    SubscriptionPlan(
        "residence", "portal", ("residence.changed", "person.known", "decision.corrected", *WAITING)
    ),
    SubscriptionPlan(
        "insurance",
        "portal",
        (
            "insurance.cover.began",
            "insurance.card.issued",
            "insurance.home.followed",
            "decision.corrected",
            *WAITING,
        ),
    ),
    SubscriptionPlan("treasury", "portal", WAITING),
    SubscriptionPlan("business", "portal", WAITING),
    SubscriptionPlan("treasury", "social", ("treasury.payment.executed", "treasury.payment.returned")),
    SubscriptionPlan(
        "social",
        "portal",
        (
            "social.offer.made",
            "social.offer.held",
            "social.benefit.granted",
            "social.payment.executed",
            "social.payment.returned",
            "social.home.followed",
            "decision.corrected",
            *WAITING,
        ),
    ),
    SubscriptionPlan(
        "education",
        "portal",
        (
            "education.queue.joined",
            "education.wait.reviewed",
            "education.place.offered",
            "education.home.followed",
            "decision.corrected",
            *WAITING,
        ),
    ),
)


def ensure_people_enough(plan: NationPlan) -> None:
    """Raises CallerError: among so many synthetic people some role of the demonstration finds nobody."""
    from sild.nation.people import GOOD_FOR, find_test_people  # late: a nation of one register does without

    lacking = sorted(GOOD_FOR.keys() - find_test_people(plan.people, plan.about).keys())
    if lacking:
        raise CallerError(
            f"among these {plan.people} people nobody can be {', '.join(lacking)}: take another number of people"
        )


def country_plan(about: CountryDescription) -> NationPlan:
    """The same bodies with the same rights in every country; what they are called is the country's."""

    def body(
        kind: BodyKind, code: str, *subsystems: str, member_class: str = "GOV", server: str = ""
    ) -> MemberPlan:
        named = tuple((each, about.system(each)) for each in subsystems)
        return MemberPlan(member_class, code, about.body(kind), server, named, kind)

    authority = body("authority", "70000001", "management", "portal", "identity")
    population = body("population", "70000002", "population", server="ss1")
    insurance = body("insurance", "70000003", "insurance", "care", server="ss2")
    social = body("social", "70000004", "social")
    municipality = body("municipality", "70000005", "education", "parking", "cases")
    land = body("land", "70000006", "residence")
    treasury = body("treasury", "70000007", "treasury")
    archive = body("archive", "70000008", "archive")
    tax = body("tax", "70000010", "tax")
    electoral = body("electoral", "70000011", "electoral")
    registrar = body("registrar", "70000012", "business")
    hospital = body("hospital", "90000001", "hospital", member_class="COM")
    return replace(
        DEMO,
        about=about,
        instance_identifier=about.instance_identifier,
        operator=authority,
        provider=population,
        consumer=insurance,
        guests=(social, municipality, land, treasury, archive, tax, electoral, registrar, hospital),
        systems=(
            SystemPlan("population", population, "population", population, ("population",)),
            SystemPlan("residence", land, "residence", population, ("residence", "events")),
            SystemPlan("social", social, "social", population, ("social", "events")),
            SystemPlan("treasury", treasury, "treasury", population, ("treasury",)),
            SystemPlan("archive", archive, "archive", population, ("archive",)),
            SystemPlan("tax", tax, "tax", population, ("tax", "events")),
            SystemPlan("electoral", electoral, "electoral", population, ("electoral", "events")),
            SystemPlan("education", municipality, "education", population, ("education", "events")),
            SystemPlan("parking", municipality, "parking", population, ("parking", "events")),
            SystemPlan("cases", municipality, "cases", population, ("cases",)),
            SystemPlan("insurance", insurance, "insurance", insurance, ("insurance", "events")),
            SystemPlan("care", insurance, "care", insurance, ("care", "events")),
            SystemPlan("business", registrar, "business", population, ("business",)),
            SystemPlan("hospital", hospital, "hospital", insurance, ("hospital",)),
            SystemPlan("identity", authority, "identity", insurance, ("mandates",)),
            SystemPlan("portal", authority, "portal", insurance, ("events",)),
        ),
        system_rights=tuple(
            Right(client, provider, *need.split(" "))
            for (client, provider), needs in NEEDS.items()
            for need in needs
        ),
        subscriptions=SUBSCRIPTIONS,
        witness_asker="portal",
        evidence_rights=tuple((asker, whose) for asker, logs in EVIDENCE.items() for whose in logs),
    )


COUNTRY = country_plan(load_country("EE"))
