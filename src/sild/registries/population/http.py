"""The register's REST interface: people and their families. Births are in http_births.py, deaths in http_notices.py. OpenAPI at /openapi.json."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field

from sild.errors import CallerError
from sild.registries.deciding.http import DECISION_ACTIONS, DECISION_TITLES, add_decision_paths
from sild.registries.deciding.ripple_matters import ripples_that_wait
from sild.registries.identity_codes import Country, Sex
from sild.registries.kernel import Fact, Use
from sild.registries.kernel.fact_paths import FACT_ACTIONS, FACT_TITLES, add_fact_paths
from sild.registries.kernel.http import Concept, Model, PersonalUsage, SelfDescription, register_app
from sild.registries.population import records
from sild.registries.population.annulling import before_officials
from sild.registries.population.certificates import revoke_corrected
from sild.registries.population.entering import enter_person
from sild.registries.population.http_annulling import (
    ANNULLING_ACTIONS,
    ANNULLING_TITLES,
    add_annulling_path,
)
from sild.registries.population.http_births import BIRTH_TITLES, add_birth_paths
from sild.registries.population.http_certificates import (
    CERTIFICATE_ABOUT,
    CERTIFICATE_ACTIONS,
    CERTIFICATE_TITLES,
    add_certificate_paths,
)
from sild.registries.population.http_evidence import (
    EVIDENCE_ABOUT,
    EVIDENCE_ACTIONS,
    EVIDENCE_TITLES,
    add_evidence_paths,
)
from sild.registries.population.http_notices import add_notice_paths
from sild.registries.population.kinds import KINDS
from sild.registries.population.life_events import (
    end_protection,
    keep_author,
    order_protection,
    record_guardian,
)
from sild.registries.population.matters import reviews_that_wait
from sild.registries.population.persons import (
    children_of,
    disputants_of,
    find_persons,
    guardians_of,
    index_name,
    parents_of,
    read_person,
    relations_of,
    require_person,
)
from sild.registries.population.protection import kept_persons, open_facts
from sild.registries.population.register import PopulationRegister
from sild.registries.population.ripple import corrected_under_births

__all__ = ["make_app"]

TITLES = {
    **FACT_TITLES,
    **ANNULLING_TITLES,
    **BIRTH_TITLES,
    **CERTIFICATE_TITLES,
    **EVIDENCE_TITLES,
    "too_broad": (400, "The search is too broad"),
    "not_a_child": (409, "Not a child of the protected person"),
    "unknown_order": (404, "No such order"),
    "not_your_order": (409, "The authority that gave an order ends it"),
    "end_out_of_range": (400, "The end is out of range"),
}
ACTIONS = {
    **ANNULLING_ACTIONS,
    **CERTIFICATE_ACTIONS,
    **EVIDENCE_ACTIONS,
    "getPerson": "A person was looked up",
    "getStatus": "Whether the person lives was looked up",
    "findPersons": "A search by name or date of birth found the person",
    "getChildren": "Children were looked up",
    "getParents": "Parents were looked up",
    "getGuardians": "Guardians were looked up",
    "getRelations": "Family relations were looked up",
    "getFacts": "All data with their sources were looked up",
    "takeBirthNotice": "A hospital gave notice of a birth",
    "takeBirthPaper": "An office told of a birth it had written on paper",
    "getBirthPaper": "What became of a birth on paper was looked up",
    "getBirth": "A birth was looked up",
    "getBirths": "Births were looked up",
    "answerPaternity": "A parent answered about paternity",
    "recordPaternity": "An official wrote down what a parent said about paternity before them",
    "registerBirth": "A birth was registered",
    "decideReview": "An official decided about a doubtful notice of birth",
    "returnBirth": "A name was sent back to the parents",
    "recordDeath": "A death was recorded",
    "recordStillbirth": "A stillbirth was recorded",
    "orderProtection": "A protection order was recorded",
    "endProtection": "A protection order was ended",
    "recordGuardian": "A guardian was recorded",
    "getDeliveries": "Which bodies were told was looked up",
    "missPerson": "Somebody said that the person is missing here",
    "settleMissing": "Somebody missing was found",
    "disputeFact": "A fact was disputed",
    "correctFact": "A fact was corrected",
    "withholdReads": "Reads were withheld for an inquiry",
}
_NAMED = ("person.given_names", "person.family_name", "person.date_of_birth", "person.citizenship")
ABOUT = {
    **CERTIFICATE_ABOUT,
    **EVIDENCE_ABOUT,
    "getPerson": (*_NAMED, "person.parents"),
    "getStatus": ("person.date_of_death",),
    "findPersons": _NAMED,
    "getChildren": (*_NAMED, "person.family_relations"),
    "getParents": (*_NAMED, "person.parents"),
    "getGuardians": (*_NAMED, "person.guardians"),
    "getRelations": (*_NAMED, "person.family_relations", "person.custody"),
    "takeBirthNotice": ("child.birth_notice",),
    "takeBirthPaper": ("child.birth_notice",),
    "getBirthPaper": ("child.birth_notice",),
    "getBirth": ("child.birth_notice", "child.paternity", "person.parents"),
    "getBirths": ("child.birth_notice",),
    "answerPaternity": ("child.paternity",),
    "recordPaternity": ("child.paternity",),
    "registerBirth": ("person.given_names", "person.family_name", "person.parents"),
    "returnBirth": ("person.given_names", "person.family_name"),
    "recordDeath": ("person.date_of_death", "person.death_notice"),
    "annulDeath": ("person.date_of_death", "person.death_annulled"),
    "recordStillbirth": ("person.stillbirth",),
    "orderProtection": ("person.protection",),
    "endProtection": ("person.protection",),
    "recordGuardian": ("person.guardians",),
}

Code = Annotated[
    str, Path(max_length=20, description="Estonian isikukood or Vietnamese số định danh cá nhân")
]
PersonCode = Annotated[str, Field(max_length=20, examples=["38001085718"])]


class Person(Model):
    code: str = Field(description="Identity code", examples=["38001085718"])
    country: Country = Field(description="Whose identity code it is")
    sex: Sex
    family_name: str | None = None
    given_names: str | None = None
    full_name: str = Field(
        description="In the order of the person's country; empty for a child without a name"
    )
    born: date
    died: date | None = None
    birth_place: str | None = None
    citizenships: list[str] = Field(description="ISO 3166-1")
    mother: str | None = Field(default=None, description="Identity code")
    father: str | None = Field(default=None, description="Identity code")
    spouse: str | None = Field(default=None, description="Identity code")
    status: Literal["LIVING", "DEAD", "UNNAMED"]


class Standing(Model):
    code: str
    country: Country
    status: Literal["LIVING", "DEAD", "UNNAMED"]


class Persons(Model):
    items: list[Person]
    total: int = Field(description="How many match in all")


class RelatedPerson(Person):
    relation: Literal["mother", "father", "child", "spouse", "sibling", "guardian", "ward"]
    custody: bool = Field(description="Of the child, or by the parent")
    since: date
    until: date | None = Field(default=None, description="Of a guardian: the first day on which they are not")
    fact: int


class RelatedPersons(Model):
    items: list[RelatedPerson]
    total: int


class Withholding(Model):
    """A covert inquiry: what its body reads about the person for this case (X-Road-Issue) is kept from them until `ends`."""

    person: PersonCode
    ends: datetime = Field(description="At most a year ahead; a longer inquiry says it again")
    order: str = Field(min_length=1, max_length=100, description="The leave that was given: its number")


class Withheld(Model):
    ends: datetime


class ProtectionOrder(Model):
    protected: PersonCode
    against: PersonCode
    children: list[PersonCode] = Field(default=[], max_length=20)
    valid_from: date
    valid_to: date | None = None
    order: str = Field(min_length=1, max_length=100, description="The court's number")


UNCOVERED = Field(
    description="Children whom no order covers: of those who may speak for them nobody would be left. A court says whom they stay with, by an order that names them"
)


class RecordedProtection(Model):
    order: str
    protected: list[str]
    against: str
    valid_from: date
    valid_to: date | None = None
    uncovered: list[str] = UNCOVERED


class ProtectionEnd(Model):
    protected: PersonCode
    against: PersonCode
    order: str = Field(min_length=1, max_length=100, description="The court's number")
    valid_to: date | None = Field(
        default=None, description="The first day on which it holds no longer; none: today"
    )


class EndedProtection(Model):
    order: str
    protected: list[str] = Field(description="Whom it concerned")
    against: str
    valid_to: date
    uncovered: list[str] = UNCOVERED


class Guardianship(Model):
    ward: PersonCode
    guardian: PersonCode
    kind: Literal["guardian", "curator"]
    valid_from: date
    valid_to: date | None = None


class RecordedGuardianship(Model):
    ward: str
    guardian: str
    kind: str
    fact: int


def make_app(register: PopulationRegister, *, url: str | None = None) -> FastAPI:
    """The application over `register`. url: where its OpenAPI description says it is, if it should say so."""
    concepts = {kind.concept: kind.description for kind in KINDS} | {
        "person.identity_code": "Identity code",
        "person.birth_certificate": "A certificate of the entry of birth",
        "person.family_relations": "Parents, children, marriage, custody and guardianship",
    }
    description = SelfDescription(
        name="population",
        titles={"en": "Population register", "et": "Rahvastikuregister", "vi": "Cơ sở dữ liệu dân cư"},
        publisher="Population Office",
        concepts=[Concept(name, text) for name, text in concepts.items()],
    )
    kernel = register.kernel
    app = register_app(
        kernel,
        description,
        titles={**TITLES, **DECISION_TITLES},
        actions={**FACT_ACTIONS, **ACTIONS, **DECISION_ACTIONS},
        kinds=ABOUT,
        url=url,
    )
    _add_people(app, register)
    _add_relations(app, register)
    _add_life_events(app, register)
    add_notice_paths(app, register)
    add_annulling_path(app, register, lambda use, fact: _corrected(register, use, fact))
    add_birth_paths(app, register)
    add_certificate_paths(app, register.certificates)
    add_evidence_paths(app, register.evidence)
    add_decision_paths(app, register.deciding)
    add_fact_paths(
        app,
        kernel,
        KINDS,
        ensure_person=require_person,
        shown=open_facts,
        corrected=lambda use, fact: _corrected(register, use, fact),
        worded=_worded,
        speaking_for=disputants_of,
        answering=before_officials,
        matters=(reviews_that_wait(kernel), ripples_that_wait(register.deciding)),
        enter=enter_person,
    )
    return app


def _worded(use: Use, fact: Fact) -> str | None:
    """A relative by their name."""
    if fact.name not in ("parent", "custody", "guardian", "spouse", "protection"):
        return None
    try:
        return read_person(use, fact.key).full_name or None
    except CallerError:  # of another country, or of before the register began
        return None


def _corrected(register: PopulationRegister, use: Use, fact: Fact) -> None:
    if fact.name in ("given_names", "family_name"):
        index_name(use, fact.entity)
    if fact.name == "died" and use.usage.actor and use.facts.value(fact.entity, "died", on=use.today):
        keep_author(use, fact.entity, use.usage.actor)
    revoke_corrected(use, fact)
    concept = next((kind.concept for kind in KINDS if kind.name == fact.name), "")
    corrected_under_births(register.deciding, use, fact, concept)


def _add_people(app: FastAPI, register: PopulationRegister) -> None:
    kernel = register.kernel

    @app.get("/persons/{code}", operation_id="getPerson", response_model_exclude_none=True)
    def get_person(code: Code, usage: PersonalUsage) -> Person:
        """One person, by identity code."""
        with kernel.used("getPerson", usage) as use:
            return _person(*kept_persons(use, [read_person(use, code)]))

    @app.get("/persons/{code}/status", operation_id="getStatus")
    def get_status(code: Code, usage: PersonalUsage) -> Standing:
        """Whether they live, and nothing else: for whoever keeps a word of theirs that ends with them."""
        with kernel.used("getStatus", usage) as use:
            person = read_person(use, code)
            return Standing(code=person.code, country=person.country, status=_status(person))

    @app.get("/persons", operation_id="findPersons", response_model_exclude_none=True)
    def find(
        usage: PersonalUsage,
        family_name: Annotated[
            str | None, Query(max_length=100, description="Its beginning; case and accents aside")
        ] = None,
        given_names: Annotated[str | None, Query(max_length=100)] = None,
        born: date | None = None,
        country: Country | None = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 25,
        offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
    ) -> Persons:
        """People by name or date of birth; one of the two is needed."""
        with kernel.used("findPersons", usage) as use:
            page = find_persons(
                use,
                family_name=family_name,
                given_names=given_names,
                born=born,
                country=country,
                limit=limit,
                offset=offset,
            )
            return Persons(items=[_person(one) for one in kept_persons(use, page.persons)], total=page.total)


def _add_relations(app: FastAPI, register: PopulationRegister) -> None:
    kernel = register.kernel

    def related(operation: str, find: Any, code: str, usage: PersonalUsage) -> RelatedPersons:
        with kernel.used(operation, usage) as use:
            require_person(use, code)
            found = find(use, code)
            people = kept_persons(use, [one.person for one in found])
            return RelatedPersons(
                items=[
                    _related(replace(one, person=person)) for one, person in zip(found, people, strict=True)
                ],
                total=len(found),
            )

    @app.get("/persons/{code}/children", operation_id="getChildren", response_model_exclude_none=True)
    def get_children(code: Code, usage: PersonalUsage) -> RelatedPersons:
        """A person's children, eldest first."""
        return related("getChildren", children_of, code, usage)

    @app.get("/persons/{code}/parents", operation_id="getParents", response_model_exclude_none=True)
    def get_parents(code: Code, usage: PersonalUsage) -> RelatedPersons:
        """The mother first."""
        return related("getParents", parents_of, code, usage)

    @app.get("/persons/{code}/guardians", operation_id="getGuardians", response_model_exclude_none=True)
    def get_guardians(code: Code, usage: PersonalUsage) -> RelatedPersons:
        """Guardians and curators."""
        return related("getGuardians", guardians_of, code, usage)

    @app.get("/persons/{code}/relations", operation_id="getRelations", response_model_exclude_none=True)
    def get_relations(code: Code, usage: PersonalUsage) -> RelatedPersons:
        """Everybody the register relates to the person: for a check of kinship, a household, an heir."""
        return related("getRelations", relations_of, code, usage)


def _add_life_events(app: FastAPI, register: PopulationRegister) -> None:
    kernel = register.kernel

    @app.post("/protection-orders", operation_id="orderProtection", status_code=201)
    def post_protection(body: ProtectionOrder, usage: PersonalUsage) -> RecordedProtection:
        """Nobody tells the one where the others are. Event for each protected person: civil.protection.ordered."""
        with kernel.used("orderProtection", usage) as use:
            use.concerns(body.protected)
            answer = use.answered()
            if answer is None:
                answer = use.answer(order_protection(use, **body.model_dump()))
            return RecordedProtection(**answer)

    @app.post("/protection-orders/end", operation_id="endProtection", status_code=201)
    def post_protection_end(body: ProtectionEnd, usage: PersonalUsage) -> EndedProtection:
        """By the authority that gave it, before its last day. Event for each whom it kept: civil.protection.ended."""
        with kernel.used("endProtection", usage) as use:
            use.concerns(body.protected)
            answer = use.answered()
            if answer is None:
                answer = use.answer(end_protection(use, **body.model_dump()))
            return EndedProtection(**answer)

    @app.post("/withholdings", operation_id="withholdReads", status_code=201)
    def post_withholding(body: Withholding, usage: PersonalUsage) -> Withheld:
        """From now on, never for what was read before. This use is withheld, too."""
        ends = kernel.aware(body.ends)
        with kernel.used("withholdReads", usage) as use:
            use.concerns(body.person)
            answer = use.answered()
            if answer is None:
                require_person(use, body.person)
                use.withhold(body.person, order=body.order, ends=ends)
                answer = use.answer({"ends": ends.isoformat()})
            return Withheld(**answer)

    @app.post("/guardianships", operation_id="recordGuardian", status_code=201)
    def post_guardianship(body: Guardianship, usage: PersonalUsage) -> RecordedGuardianship:
        """A court's appointment of a guardian or curator."""
        with kernel.used("recordGuardian", usage) as use:
            use.concerns(body.ward)
            answer = use.answered()
            if answer is None:
                answer = use.answer(record_guardian(use, **body.model_dump()))
            return RecordedGuardianship(**answer)


def _person(person: records.Person) -> Person:
    return Person(**asdict(person), full_name=person.full_name, status=_status(person))


def _related(one: records.Related) -> RelatedPerson:
    person = one.person
    return RelatedPerson(
        **asdict(person),
        full_name=person.full_name,
        status=_status(person),
        relation=one.relation,  # type: ignore[arg-type]  # the closed set of `Related`
        custody=one.custody,
        since=one.since,
        until=one.until,
        fact=one.fact,
    )


def _status(person: records.Person) -> Any:
    return person.status
