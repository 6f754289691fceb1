"""From a hospital's notice to a child with a personal code: duplicates and twins told apart, stillbirths kept silent.

What a machine cannot tell is not guessed: it becomes a review, a case for people (`reviews.py`).

    notice seen before, unchanged                          REPEATED: the same child
    the mother is not known, or dead, or too young ...     REVIEW
    another child of hers born within 200 days:
        told of by the other of hospital and office, same day, sex and number of a multiple birth: JOINED, the same child
        both of a multiple birth, other number, same hospital system   RECORDED: a twin
        else                                               REVIEW: duplicate_suspected
    born dead                                              STILLBORN: no code, and silence
"""

from __future__ import annotations

import secrets
from datetime import date, timedelta

from sqlalchemy import select

from sild.errors import CallerError, Unavailable
from sild.registries.identity_codes import estonia, parse_identity_code, vietnam
from sild.registries.kernel import Use, provenance
from sild.registries.kernel.facts import Json
from sild.registries.population.birth_notice import BirthNotice
from sild.registries.population.notifying import ensure_fresh
from sild.registries.population.one_child import bears_name, by_names, same_child
from sild.registries.population.orders import settle
from sild.registries.population.persons import add_person
from sild.registries.population.records import grown_up
from sild.registries.population.reviews import open_review, review_of_notice
from sild.registries.population.tables import persons

__all__ = [
    "BIRTH_NOTICE",
    "REGISTRATION",
    "husband_at_birth",
    "join_notice",
    "notice_outcome",
    "record_child",
    "take_notice",
]

BIRTH_NOTICE = "birth_notice"
REGISTRATION = "registration"
ONE_BIRTH = timedelta(days=3)
"""Within which one hospital's twins are told of."""
ONE_PREGNANCY = timedelta(
    days=200
)  # two children of one mother closer together are twins, or one child told of twice
PRESUMED_FATHER = timedelta(
    days=300
)  # a marriage that ended no longer before the birth (PKS § 84; Luật HN&GĐ 2014, Điều 88)
LATEST_NOTICE = timedelta(days=366)


def take_notice(use: Use, notice: BirthNotice) -> dict[str, Json]:
    """{outcome, child?, review?, reasons?}. Raises CallerError (`date_out_of_range`, `notice_too_old`)."""
    if not use.today - LATEST_NOTICE <= notice.born <= use.today:
        raise CallerError("a birth of the last year, not of the future", code="date_out_of_range")
    mother = notice.mother.code
    use.concerns(*notice.told_of)
    use.alone(f"notice/{notice.key}", *([f"births/{mother}"] if mother else []))
    known = _notice_seen(use, notice)
    if known is not None:
        return known
    if notice.notified is not None:
        ensure_fresh(notice.notified, use.at)
    if notice.stillborn:
        return _stillborn(use, notice)
    reasons, candidates = _doubts(use, notice)
    if reasons == ["duplicate_suspected"] and (child := same_child(use, notice, candidates)) is not None:
        join_notice(use, child, notice)
        return {"outcome": "JOINED", "child": child}
    if reasons:
        review = open_review(use, notice, reasons, candidates)
        return {"outcome": "REVIEW", "review": review.id, "reasons": reasons}
    return {"outcome": "RECORDED", "child": record_child(use, notice)}


def record_child(use: Use, notice: BirthNotice) -> str:
    """Open the record of a child without a name; its new identity code."""
    mother = notice.mother.code
    assert mother is not None
    child = _new_code(use, notice, mother)
    add_person(use, child, notice.born)
    use.concerns(child)
    _say_born(use, child, notice)
    _say_parents(use, child, mother, notice.born)
    use.publish("civil.child.recorded", child, {"paper": notice.value} if notice.is_paper else None)
    settle(use, child)
    return child


def join_notice(use: Use, child: str, notice: BirthNotice) -> None:
    """The child's second notice: kept beside the first; a man named by it alone is named from now on."""
    said = provenance(use)
    use.facts.record(
        child, BIRTH_NOTICE, notice.to_json(), key=notice.key, valid_from=notice.born, provenance=said
    )
    named = use.facts.current(child, ["claimed_father", "parent"], on=use.today)
    father = notice.father.code if notice.father is not None else None
    if father is not None and not any(one.name == "claimed_father" or one.value == "father" for one in named):
        use.facts.record(child, "claimed_father", True, key=father, valid_from=notice.born, provenance=said)


def husband_at_birth(use: Use, mother: str, born: date) -> str | None:
    """The man presumed to be the father: married to the mother on the day, or until not long before."""
    for fact in reversed(use.facts.history(mother, "spouse")):
        holds = fact.known_to is None and fact.value == "husband" and fact.valid_from <= born
        if holds and (fact.valid_to is None or fact.valid_to > born - PRESUMED_FATHER):
            return fact.key
    return None


# --- what was said before


def _notice_seen(use: Use, notice: BirthNotice) -> dict[str, Json] | None:
    """The answer to a notice that came before, in another message; a changed one is for people."""
    review = review_of_notice(use, notice.key)
    if review is not None and review.notice["digest"] == notice.digest:
        if review.state == "OPEN":
            return {"outcome": "REVIEW", "review": review.id, "reasons": list(review.reasons)}
        return {"outcome": "REPEATED" if review.child else "REFUSED", "child": review.child}
    seen = use.facts.entities_with(BIRTH_NOTICE, notice.key, on=use.today)
    for fact in (*seen, *use.facts.entities_with("stillbirth", notice.key, on=use.today)):
        use.concerns(fact.entity)
        if fact.value["digest"] != notice.digest:
            opened = open_review(use, notice, ["notice_changed"], [fact.entity] if fact in seen else [])
            return {"outcome": "REVIEW", "review": opened.id, "reasons": ["notice_changed"]}
        if fact.name == "stillbirth":
            return {"outcome": "STILLBORN"}
        return {"outcome": "REPEATED", "child": fact.entity}
    return None


def _doubts(use: Use, notice: BirthNotice) -> tuple[list[str], list[str]]:
    """Why people must look, and the children it may be about."""
    mother = notice.mother.code
    if mother is None:
        return ["mother_without_code"], by_names(use, notice)
    if use.connection.scalar(select(persons.c.code).where(persons.c.code == mother)) is None:
        return ["unknown_mother"], []
    reasons = ["mother_name_differs"] if not bears_name(use, mother, notice.mother) else []
    values = use.facts.values_of([mother], ["born", "died"], on=use.today)[mother]
    age = (notice.born - date.fromisoformat(values["born"])).days / 365.25
    if not 12 <= age <= 60:
        reasons.append("age_of_mother")
    if "died" in values and date.fromisoformat(values["died"]) < notice.born:
        reasons.append("mother_died_before")
    candidates = _born_close(use, mother, notice.born)
    if candidates and not _is_another_twin(use, notice, candidates):
        reasons.append("duplicate_suspected")
    return reasons, candidates


def _born_close(use: Use, mother: str, born: date) -> list[str]:
    children = [link.entity for link in use.facts.entities_with("parent", mother, on=use.today)]
    births = use.facts.values_of(children, ["born"], on=use.today)
    close = [
        child for child in children if abs(date.fromisoformat(births[child]["born"]) - born) < ONE_PREGNANCY
    ]
    use.concerns(*close)
    return close


def _is_another_twin(use: Use, notice: BirthNotice, siblings: list[str]) -> bool:
    """Both say they are of a multiple birth of these days, with other numbers, and one hospital says so of both: of papers people judge."""
    if notice.order is None or notice.is_paper:
        return False
    births = use.facts.values_of(siblings, ["born"], on=use.today)
    days = [date.fromisoformat(births[one]["born"]) for one in siblings]
    if any(abs(day - notice.born) > ONE_BIRTH for day in days):
        return False
    for said in use.facts.current_of(siblings, [BIRTH_NOTICE], on=use.today).values():
        if not said:
            return False
        for fact in said:
            if fact.value["system"] != notice.system or fact.value["order"] in (None, notice.order):
                return False
    return True


def notice_outcome(use: Use, key: str) -> dict[str, Json] | None:
    """Of a notice that came before, whatever it said: as `take_notice` answers; None: none came."""
    review = review_of_notice(use, key)
    if review is not None and review.state == "OPEN":
        return {"outcome": "REVIEW", "review": review.id, "reasons": list(review.reasons)}
    seen = use.facts.entities_with(BIRTH_NOTICE, key, on=use.today)
    child = review.child if review is not None else seen[0].entity if seen else None
    if review is None and child is None:
        return None
    use.concerns(*([child] if child else []))
    return {"outcome": "REPEATED" if child else "REFUSED", "child": child}


# --- what becomes known


def _say_born(use: Use, child: str, notice: BirthNotice) -> None:
    said, born = provenance(use), notice.born
    place = notice.place or notice.hospital
    facts: list[tuple[str, str, Json]] = [
        ("sex", "", notice.sex),
        ("born", "", born.isoformat()),
        (BIRTH_NOTICE, notice.key, notice.to_json()),
        (REGISTRATION, "", {"status": "UNNAMED"}),
    ]
    if place is not None:
        facts.append(("birth_place", "", place[:100]))
    if notice.father is not None and notice.father.code is not None:
        facts.append(("claimed_father", notice.father.code, True))
    for name, key, value in facts:
        use.facts.record(child, name, value, key=key, valid_from=born, provenance=said)


def _say_parents(use: Use, child: str, mother: str, born: date) -> None:
    said = provenance(use)
    father = husband_at_birth(use, mother, born)
    use.facts.record(child, "parent", "mother", key=mother, valid_from=born, provenance=said)
    custodians = [mother]
    if father is not None:
        use.concerns(father)
        use.facts.record(child, "parent", "father", key=father, valid_from=born, provenance=said)
        if use.facts.value(father, "died", on=use.today) is None:
            custodians.append(father)
    grown = grown_up(born)
    for custodian in custodians:
        value = "joint" if len(custodians) == 2 else "sole"
        use.facts.record(
            child, "custody", value, key=custodian, valid_from=born, valid_to=grown, provenance=said
        )


def _stillborn(use: Use, notice: BirthNotice) -> dict[str, Json]:
    """Nobody gets a code, nobody is told but those who have to fall silent."""
    subject = notice.mother.code
    if subject is None:
        return {"outcome": "STILLBORN"}
    use.facts.record(
        subject,
        "stillbirth",
        notice.stillbirth(),
        key=notice.key,
        valid_from=notice.born,
        provenance=provenance(use),
    )
    use.publish("civil.stillbirth.recorded", subject)
    return {"outcome": "STILLBORN"}


def _new_code(use: Use, notice: BirthNotice, mother: str) -> str:
    """EE: the first number of the day that is free.  VN: of the province, at random."""
    country = parse_identity_code(mother).country
    if country == "EE":
        use.alone(f"codes/{notice.born}/{notice.sex}")
        prefix = estonia.make(notice.born, notice.sex, 1)[:7]
        given = use.connection.scalars(select(persons.c.code).where(persons.c.code.startswith(prefix)))
        taken = {int(code[7:10]) for code in given}
        number = next((number for number in range(1, 1_000) if number not in taken), None)
        if number is None:
            raise Unavailable("all numbers of this day are given", code="no_code_left")
        return estonia.make(notice.born, notice.sex, number)
    province = _province(notice.place) or mother[:3]
    while True:
        code = vietnam.make(province, notice.born.year, notice.sex, secrets.randbelow(1_000_000))
        if use.connection.scalar(select(persons.c.code).where(persons.c.code == code)) is None:
            return code


def _province(place: str | None) -> str | None:
    if place is None:
        return None
    named = (code for code, name in vietnam.PROVINCES.items() if name in place)
    return next(named, None)
