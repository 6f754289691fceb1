"""What the register knows of a birth as facts for the rules of registration, and the decision: by rule, or by an official.

A rule decides alone where the country's profile has `bound: [birth.register]`, its package gives `bound`, and that is true of this birth.
Else an official does, who sees what stands against it; what the law forbids nobody enters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sild.decisions import Hearing, HumanStep, OutcomeItem, Reason, Secret
from sild.errors import CallerError, Unavailable
from sild.i18n import folded
from sild.registries.deciding import Deciding, Judged, KnownFact, Look, Ruling, brought, human_step, reason_of
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel import Defect, Fact, Use
from sild.registries.kernel.facts import Json
from sild.registries.population.kinds import is_name
from sild.registries.population.persons import read_persons
from sild.registries.population.protection import feared_by_family
from sild.registries.population.records import Birth, Person
from sild.registries.population.reviews import open_reviews
from sild.registries.profiles import profile

__all__ = [
    "ALGORITHM",
    "PACKAGES",
    "NewName",
    "defects_of",
    "facts_of",
    "judge",
    "registered",
    "returned",
    "returned_by",
    "subjects_of",
]

ALGORITHM = "birth-registration"
PACK = "civil"
BOUND = "birth.register"
PACKAGES: dict[Country, str] = {"EE": "ee-birth-registration", "VN": "vn-birth-registration"}
BIRTH = "births/birth"
OUTPUT = "birth"

FORBIDDEN = {
    "child_is_alive": Defect("child_is_dead", "the child is dead: people register this, in silence"),
    "paternity_settled": Defect(
        "paternity_open", "a man is named as the father and not both parents have answered"
    ),
    "given_names_are_a_name": Defect("not_a_name", "given names are made of letters", "/given_names"),
    "given_names_are_few": Defect("too_many_names", "at most three given names", "/given_names"),
    "family_name_is_a_name": Defect("not_a_name", "a family name is made of letters", "/family_name"),
    "family_name_is_a_parents": Defect("not_a_parents_name", "the family name of a parent", "/family_name"),
}
"""Outputs of the rules that are false where the law forbids the entry, to everybody."""
DOUBTS = {
    "notice_is_there": Defect("no_notice", "no hospital gave notice of the birth"),
    "no_duplicate": Defect("duplicate_suspected", "another notice may be of the same child"),
    "one_father_named": Defect(
        "another_father_named", "the notice names another man than the mother's husband"
    ),
    "parents_agree": Defect("not_agreed", "not both parents have signed the name"),
    "one_country": Defect("foreign_parent", "a parent is of another country"),
    "no_protection_order": Defect("protection", "somebody of the family is protected"),
}
"""And those that leave the entry to an official."""
NEEDS_AN_OFFICIAL = Defect("needs_an_official", "an official makes this entry")


@dataclass(frozen=True, slots=True)
class NewName:
    """signed_by: parents whose signatures under it the case has; None: it does not say.

    left_to_office: they did not settle it in time.
    """

    given_names: str
    family_name: str
    without_father: bool = False
    signed_by: tuple[str, ...] | None = None
    left_to_office: bool = False


def judge(deciding: Deciding, use: Use, birth: Birth, name: NewName) -> Judged:
    """Raises Unavailable (`rules_failed`): nobody registers before they run again."""
    package = PACKAGES[birth.child.country]
    facts = facts_of(deciding, use, birth, name)
    outputs = [(OUTPUT, variable, "ETERNITY") for variable in deciding.package(package).outputs]
    try:
        return deciding.judge(package, facts, at=use.today, outputs=outputs)
    except CallerError as error:
        raise Unavailable("the rules of registration do not run", code="rules_failed") from error


def defects_of(judged: Judged, *, by_rule: bool) -> list[Defect]:
    """What stands against the entry. by_rule: no official makes it."""
    found = [defect for variable, defect in FORBIDDEN.items() if _says(judged, variable) is False]
    if not by_rule or (_says(judged, "bound") is True and _is_bound(judged)):
        return found
    doubts = [
        defect
        for variable, defect in DOUBTS.items()
        if variable in judged.package.outputs and _says(judged, variable) is not True
    ]
    return found + (doubts or [NEEDS_AN_OFFICIAL])


def _says(judged: Judged, variable: str) -> Json:
    if variable not in judged.package.outputs:
        return None
    return judged.evaluation.value(OUTPUT, variable, "ETERNITY")


def _is_bound(judged: Judged) -> bool:
    country: Country = "VN" if judged.package.country == "VN" else "EE"
    return BOUND in profile(country).bound


# --- facts


def facts_of(deciding: Deciding, use: Use, birth: Birth, name: NewName) -> tuple[KnownFact, ...]:
    """Only those that the package of the child's country asks for."""
    wanted = deciding.package(PACKAGES[birth.child.country]).facts
    roles = {"child": birth.child.code, "mother": birth.child.mother, "father": birth.child.father}
    named = {role: code for role, code in roles.items() if code is not None}
    people = dict(zip(named, read_persons(use, list(named.values())), strict=True))
    parents = [person for role, person in people.items() if role != "child"]
    found = (*_people(use, people, name), *_of_birth(use, birth), *_of_name(use, name, parents))
    own = deciding.kernel.system
    return tuple(
        KnownFact(
            path=f"{place}/{variable}/ETERNITY" if variable else place,
            type=kind,
            value=value,
            register=own,
            asserted_by=by,
            in_clear=kind == "role",
            valid_at=use.today,
            **(brought(told, own) if isinstance(told, list) else {"message_id": told}),
        )
        for place, variable, kind, value, told, by in found
        if not variable or variable in wanted
    )


_Row = tuple[str, str, str, Json, "str | list[Fact] | None", Json]
"""Of each: place, variable, kind, value; its message, or the register's own facts it is made of; who says so."""


def _people(use: Use, people: Mapping[str, Person], name: NewName) -> Iterator[_Row]:
    """By role."""
    for role, person in people.items():
        place = f"persons/{role}"
        yield f"{BIRTH}/{role}", "", "role", [role], None, "register"
        died = [] if person.died is None else [*use.facts.current(person.code, ["died"], on=use.today)]
        yield place, "living", "bool", person.died is None, died, "register"
        yield place, "code_country", "text", parse_identity_code(person.code).country, None, "register"
        if role != "child" and name.signed_by is not None:
            signed = person.code in name.signed_by
            yield place, "signed", "bool", signed, use.usage.message_id, "person"


def _of_birth(use: Use, birth: Birth) -> Iterator[_Row]:
    child = birth.child
    said = [
        fact.provenance.message_id for fact in use.facts.current(child.code, ["birth_notice"], on=use.today)
    ]
    notice = said[0] if said else None
    family = [code for code in (child.code, child.mother, child.father) if code is not None]
    protected = use.facts.current_of(family, ["protection"], on=use.today)
    doubtful = any(child.code in review.candidates for review in open_reviews(use))
    other = any(note.code == "another_father_named" for note in birth.notes)
    yield BIRTH, "notice_present", "bool", bool(said), notice, "register"
    yield BIRTH, "duplicate_suspected", "bool", doubtful, None, "register"
    answers = [*use.facts.current(child.code, ["paternity"], on=use.today)]
    yield BIRTH, "paternity", "text", birth.paternity.status, answers, "register"
    yield BIRTH, "another_father_named", "bool", other, notice, "register"
    orders = [one for found in protected.values() for one in found]
    yield BIRTH, "protection_order", "bool", bool(orders), orders, "register"


def _of_name(use: Use, name: NewName, parents: Sequence[Person]) -> Iterator[_Row]:
    by = "person" if use.usage.actor is None else "official"
    message = use.usage.message_id
    of_a_parent = _stem(name.family_name) in {_stem(one.family_name) for one in parents if one.family_name}
    given = name.given_names
    yield BIRTH, "given_names_letters", "bool", is_name(given), message, by
    yield BIRTH, "given_names_count", "int", len(given.replace("-", " ").split()), message, by
    yield BIRTH, "family_name_letters", "bool", is_name(name.family_name), message, by
    yield BIRTH, "family_name_of_a_parent", "bool", of_a_parent, None, "register"
    yield BIRTH, "without_father", "bool", name.without_father, message, by


# --- rulings


def registered(deciding: Deciding, use: Use, birth: Birth, name: NewName, look: Look) -> Ruling:
    """The entry, by whoever acts: a rule when nobody does."""
    official = use.usage.actor
    items = tuple(
        OutcomeItem(name=one, type="text", value=Secret(secret=value))
        for one, value in (("given_names", name.given_names), ("family_name", name.family_name))
    )
    article = deciding.package(PACKAGES[birth.child.country]).legal_basis[0].article
    why = reason_of(PACK, "by_official", article, origin="official", said=look.words)
    human = (
        () if official is None else (human_step(deciding, official, look, "confirm", shown=_shown(birth)),)
    )
    if official is None:
        return _ruling(use, birth, "grant", "registration", items, human, ())
    if not name.left_to_office:
        return _ruling(use, birth, "grant", "registration", items, human, (why,))
    ground = profile(birth.child.country).ground("name_by_office")
    left = reason_of(PACK, "left_to_office", ground, origin="official")
    ruling = _ruling(use, birth, "grant", "registration", items, human, (left, why))
    return replace(ruling, hearing=Hearing(required=True, notice_id=use.usage.issue, how="case"))


def returned(
    deciding: Deciding, use: Use, birth: Birth, reasons: Sequence[str], look: Look, official: str
) -> Ruling:
    """The name sent back to the parents. Raises KeyError for a reason that has no words."""
    article = deciding.package(PACKAGES[birth.child.country]).legal_basis[0].article
    first = reason_of(PACK, "returned", article, origin="official", said=look.words)
    why = (first, *(reason_of(PACK, code, article, origin="official") for code in reasons))
    human = (human_step(deciding, official, look, "return", shown=_shown(birth), reason_code=reasons[0]),)
    return _ruling(use, birth, "demand", "return", (), human, why)


def returned_by(use: Use) -> str:
    """Who sends it back. Raises CallerError (`needs_a_person`)."""
    if use.usage.actor is None:
        raise CallerError("an official decides this", code="needs_a_person")
    return use.usage.actor


def _shown(birth: Birth) -> dict[str, Json]:
    return {
        "child": birth.child.code,
        "status": birth.status,
        "paternity": birth.paternity.status,
        "defects": [defect.code for defect in (*birth.defects, *birth.notes)],
    }


def _ruling(
    use: Use,
    birth: Birth,
    effect: Json,
    step: str,
    items: tuple[OutcomeItem, ...],
    human: tuple[HumanStep, ...],
    reasons: tuple[Reason, ...],
) -> Ruling:
    return Ruling(
        country=birth.child.country,
        effect=effect,
        step=step,
        service="birth",
        algorithm=ALGORITHM,
        purpose="registration of a birth",
        subjects=tuple(subjects_of(use, birth.child)),
        outcome=f"birth.{step}",
        items=items,
        reasons=reasons,
        human=human,
    )


def subjects_of(use: Use, child: Person) -> Iterator[tuple[str, str]]:
    """Of a decision about a child, with their roles. Without a parent from whom another of the family is protected: they are told what the law says, not by this register."""
    yield child.code, "child"
    feared = feared_by_family(use, child.code)
    for parent in (child.mother, child.father):
        if parent is not None and parent not in feared:
            yield parent, "parent"


def _stem(name: str) -> str:
    """Ivanov and Ivanova are one name."""
    plain = folded(name)
    return plain.removesuffix("a") if plain.endswith(("va", "na", "ova", "ina")) else plain
