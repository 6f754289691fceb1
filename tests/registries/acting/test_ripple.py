"""A corrected fact reaches what was decided from it: decided again by rule, once, or listed for people when something stands between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sild.decisions import DecisionRecord, Ripple, figures_of, list_ripples
from sild.registries import insurance_app, social_app
from sild.registries.deciding import replay_mismatched
from sild.registries.education.register import EducationRegister
from sild.registries.insurance.cards import Cards
from sild.registries.insurance.register import InsuranceRegister
from sild.registries.kernel import Usage
from sild.registries.social.ledger import Declared
from sild.registries.social.offering import Offering
from sild.registries.social.register import SocialRegister
from support.acting import LogIn, serving

from ..asking import Asker, refused
from .conftest import (
    CHILD,
    FATHER,
    MOTHER,
    USAGE,
    VN_CHILD,
    VN_FATHER,
    VN_MOTHER,
    Others,
    SetClock,
    day,
    event,
)

IBAN = "EE38 2200 2210 2014 5685"
BORN = {"fact": 7, "name": "born", "concept": "person.date_of_birth"}


def ripples(register: Any) -> list[Ripple]:
    with register.kernel.engine.connect() as connection:
        return list_ripples(connection)


def records(register: Any, case: str = "case-7") -> list[DecisionRecord]:
    with register.kernel.engine.connect() as connection:
        return [one.record for one in register.deciding.store.of_case(connection, case)]


def sent(register: Any, subject: str) -> list[str]:
    return [d.event.type for d in register.kernel.outbox.deliveries_about(subject)]


async def settle(register: Any, others: Others, clock: SetClock) -> None:
    worker = register.worker(others)
    for _ in range(6):
        await worker.work()
        clock.forward(seconds=2)


# --- a corrected birth date


@pytest.fixture
def insurance(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[InsuranceRegister]:
    register = InsuranceRegister.open(directory, database_url, people=0, clock=clock)
    told = ["insurance.*", "decision.corrected"]
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", told)
    yield register
    register.close()


async def covered(register: InsuranceRegister, others: Others, clock: SetClock) -> None:
    register.apply_event(event("civil.birth.registered", VN_CHILD, parents=[VN_MOTHER, VN_FATHER]), "m-1")
    await settle(register, others, clock)


async def test_a_corrected_birth_date_gives_another_cover(
    insurance: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    await covered(insurance, others, clock)
    before = insurance.card(VN_CHILD, USAGE)
    others.people[VN_CHILD]["born"] = "2026-02-20"
    correction = event("fact.corrected", VN_CHILD, number="e-1", **BORN)
    for message in ("m-2", "m-3"):
        insurance.apply_event(correction, message)
        await settle(insurance, others, clock)
    first, second = records(insurance)
    assert (second.effect, second.kind, second.supersedes) == ("correct", "rule", first.id)
    assert second.reasons[-1].code == "fact_corrected"
    assert {one.role for one in second.subjects} == {"insured", "parent"}
    (ripple,) = ripples(insurance)
    assert (ripple.state, ripple.newer, ripple.fact) == ("redecided", str(second.id), "7")
    held = insurance.cover(VN_CHILD, USAGE)
    assert held is not None and (held.valid_from, held.valid_to) == (day("2026-02-20"), day("2032-02-20"))
    assert held.value["decision"] == str(second.id)
    card = insurance.card(VN_CHILD, USAGE)
    assert (card.claims["birthdate"], card.number) == ("2026-02-20", before.number)
    assert card.credential != before.credential and card.decision == str(second.id)
    assert sent(insurance, VN_CHILD).count("decision.corrected") == 1
    assert insurance.deciding.replay(str(second.id)).result == "match"
    with insurance.kernel.engine.connect() as connection:
        counted = figures_of(connection, "child-health-cover")
    assert (counted.ripples, counted.ripples_open, counted.superseded) == (1, 0, 1)


async def test_a_correction_of_the_correction(
    insurance: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    await covered(insurance, others, clock)
    for number, born in enumerate(("2026-02-20", "2026-02-27")):
        others.people[VN_CHILD]["born"] = born
        insurance.apply_event(event("fact.corrected", VN_CHILD, number=f"e-{number}", **BORN), f"m-{number}")
        await settle(insurance, others, clock)
    first, second, third = records(insurance)
    assert (second.supersedes, third.supersedes) == (first.id, second.id)
    held = insurance.cover(VN_CHILD, USAGE)
    assert held is not None and held.valid_from == day("2026-02-27")
    with insurance.kernel.used("getCover", replace(USAGE, message_id="look")) as use:
        known = [f for f in use.facts.history(VN_CHILD, "insurance_cover") if f.known_to is None]
    assert len(known) == 1, "no day of another cover is left"


async def test_two_corrections_at_once_are_one_new_decision(
    insurance: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    await covered(insurance, others, clock)
    others.people[VN_CHILD]["born"] = "2026-02-20"
    for number in range(2):
        insurance.apply_event(event("fact.corrected", VN_CHILD, number=f"e-{number}", **BORN), f"m-{number}")
    await settle(insurance, others, clock)
    assert len(records(insurance)) == 2
    assert {one.state for one in ripples(insurance)} == {"redecided"}
    assert len({one.newer for one in ripples(insurance)}) == 1


async def test_what_comes_out_the_same_stays(
    insurance: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    await covered(insurance, others, clock)
    insurance.apply_event(event("fact.corrected", VN_CHILD, **BORN), "m-2")
    await settle(insurance, others, clock)
    assert [one.state for one in ripples(insurance)] == ["unchanged"] and len(records(insurance)) == 1
    assert "decision.corrected" not in sent(insurance, VN_CHILD)


async def test_a_fact_nobody_used(insurance: InsuranceRegister, others: Others, clock: SetClock) -> None:
    await covered(insurance, others, clock)
    name = {"fact": 8, "name": "family_name", "concept": "person.family_name"}
    insurance.apply_event(event("fact.corrected", VN_CHILD, **name), "m-2")
    insurance.apply_event(event("fact.corrected", VN_MOTHER, **BORN), "m-3")
    insurance.apply_event(event("fact.corrected", CHILD, **BORN), "m-4")
    await settle(insurance, others, clock)
    assert ripples(insurance) == [] and len(records(insurance)) == 1


async def test_while_it_is_contested_people_see_to_it(
    insurance: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    await covered(insurance, others, clock)
    (first,) = records(insurance)
    with insurance.kernel.engine.begin() as connection:
        insurance.deciding.store.contested(connection, "contest-1", first.id, line="fact")
    others.people[VN_CHILD]["born"] = "2026-02-20"
    insurance.apply_event(event("fact.corrected", VN_CHILD, **BORN), "m-2")
    await settle(insurance, others, clock)
    (ripple,) = ripples(insurance)
    assert (ripple.state, ripple.reason, ripple.due) == ("listed", "contest", date(2026, 3, 16))
    assert len(records(insurance)) == 1


async def test_after_a_death_nothing_is_decided_again(
    insurance: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    await covered(insurance, others, clock)
    others.people[VN_CHILD] |= {"born": "2026-02-20", "died": "2026-03-02"}
    insurance.apply_event(event("civil.death.registered", VN_CHILD), "m-2")
    insurance.apply_event(event("fact.corrected", VN_CHILD, **BORN), "m-3")
    await settle(insurance, others, clock)
    (ripple,) = ripples(insurance)
    assert (ripple.state, ripple.reason) == ("listed", "silence")
    assert "decision.corrected" not in sent(insurance, VN_CHILD)


async def test_killed_between_the_record_and_its_effect_it_happens_once(
    insurance: InsuranceRegister, others: Others, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await covered(insurance, others, clock)
    others.people[VN_CHILD]["born"] = "2026-02-20"
    insurance.apply_event(event("fact.corrected", VN_CHILD, **BORN), "m-2")

    def killed(*_: Any) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(Cards, "reissue", killed)
        await insurance.worker(others).work()
    assert len(records(insurance)) == 1 and [one.state for one in ripples(insurance)] == ["waiting"]
    held = insurance.cover(VN_CHILD, USAGE)
    assert held is not None and held.valid_from == day("2026-02-27")
    clock.forward(minutes=5)
    await settle(insurance, others, clock)
    assert len(records(insurance)) == 2 and [one.state for one in ripples(insurance)] == ["redecided"]


async def test_the_list_is_for_officials_and_the_difference_for_the_person(
    insurance: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    await covered(insurance, others, clock)
    others.people[VN_CHILD]["born"] = "2026-02-20"
    insurance.apply_event(event("fact.corrected", VN_CHILD, **BORN), "m-2")
    await settle(insurance, others, clock)
    first, second = records(insurance)
    with insurance.kernel.engine.begin() as connection:
        insurance.deciding.store.contested(connection, "contest-1", second.id, line="fact")
    others.people[VN_CHILD]["born"] = "2026-02-21"
    insurance.apply_event(event("fact.corrected", VN_CHILD, **BORN), "m-3")
    await settle(insurance, others, clock)
    with serving(insurance_app(insurance)) as site:
        asker = Asker(site)
        found = asker.value(f"/decisions/{second.id}", user=f"VN{VN_MOTHER}")
        changes = {one["name"]: (one["before"], one["after"]) for one in found["changed"]}
        assert changes["persons/child/born/ETERNITY"] == ("2026-02-27", "2026-02-20")
        assert changes["child/cover_until/ETERNITY"] == ("2032-02-27", "2032-02-20")
        assert asker.value(f"/decisions/{second.id}")["changed"] == [], "nothing of it for anybody else"
        assert asker.value(f"/decisions/{first.id}", user=f"VN{VN_MOTHER}")["changed"] == []
        (line,) = asker.value("/ripples")["items"]
        assert (line["decision"], line["reason"]) == (str(second.id), "contest") and VN_CHILD not in str(line)
        assert [one["state"] for one in asker.value("/ripples?state=redecided")["items"]] == ["redecided"]
        path = f"/ripples/{line['id']}/end"
        stands = {"outcome": "stands"}
        refused(asker.post(path, stands, login=LogIn(acr="substantial")), 403, "officials_only")
        refused(asker.post(path, stands, user="automatic"), 403, "officials_only")
        refused(asker.post(path, stands, user=f"VN{VN_MOTHER}"), 403, "not_your_ripple")
        wrong = {"outcome": "redecided", "decision": str(first.id)}
        refused(asker.post(path, wrong), 409, "not_superseded")
        assert asker.done(path, {"outcome": "stands"}, 200, id="end-1")["state"] == "ended"
        assert asker.done(path, {"outcome": "stands"}, 200, id="end-1")["reason"] == "stands"
        refused(asker.post(path, {"outcome": "stands"}), 409, "ripple_is_closed")
        assert asker.value("/ripples")["items"] == []
        assert asker.value(f"/persons/{VN_CHILD}/cover")["decision"] == str(second.id)
        assert asker.value(f"/persons/{VN_CHILD}/card")["decision"] == str(second.id)


async def test_cover_of_a_code_that_tells_the_day_names_the_parents(
    insurance: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    insurance.apply_event(event("civil.birth.registered", CHILD, parents=[MOTHER, FATHER]), "m-1")
    (record,) = records(insurance)
    store = insurance.deciding.store
    assert {(one.ref, one.role) for one in record.subjects} == {
        (store.pseudonym(CHILD), "insured"),
        (store.pseudonym(MOTHER), "parent"),
        (store.pseudonym(FATHER), "parent"),
    }


# --- a corrected income


@pytest.fixture
def social(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[SocialRegister]:
    register = SocialRegister.open(directory, database_url, people=0, clock=clock)
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["social.*"])
    declare(register, MOTHER, "2000")
    declare(register, FATHER, "1500")
    yield register
    register.close()


def month(year: int, number: int) -> int:
    return 12 * year + number - 1


def by(person: str, message: str) -> Usage:
    return replace(USAGE, user_id=f"EE{person}", message_id=message)


def declare(
    register: SocialRegister, person: str, amount: str, first: int | None = None, last: int | None = None
) -> None:
    begins, ends = first or month(2024, 1), last or month(2026, 1)
    declared = Declared("10001234", begins, ends, Decimal(amount), "EUR", "EE")
    register.declare(person, declared, replace(USAGE, message_id=f"declare-{person}-{amount}-{first}"))


async def offered(register: SocialRegister, others: Others, clock: SetClock) -> str:
    register.apply_event(event("civil.birth.registered", CHILD), "m-born")
    await settle(register, others, clock)
    (offer,) = register.offers_of(CHILD, USAGE)
    return offer.id


def benefit(register: SocialRegister, offer: str) -> str:
    chosen = next(one for one in register.offer(offer, USAGE).choices if one["id"] == "mother")
    return str(next(one["amount"] for one in chosen["items"] if one["benefit"] == "parental_benefit"))


async def test_a_corrected_income_makes_the_offer_anew(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    offer = await offered(social, others, clock)
    declare(social, MOTHER, "2400")
    await settle(social, others, clock)
    first, second = records(social)
    assert (second.effect, second.supersedes) == ("correct", first.id)
    found = social.offer(offer, USAGE)
    assert (found.version, found.decision, benefit(social, offer)) == (2, str(second.id), "2400.00")
    assert [one.state for one in ripples(social)] == ["redecided"]
    assert sent(social, CHILD) == ["social.offer.made", "social.offer.made"], "the parents are told of it"
    assert social.deciding.replay(str(second.id)).result == "match"


async def test_killed_between_the_record_and_the_new_offer_it_happens_once(
    social: SocialRegister, others: Others, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = await offered(social, others, clock)
    declare(social, MOTHER, "2400")
    decide = Offering.decide

    def killed(*given: Any, **more: Any) -> None:
        decide(*given, **more)
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(Offering, "decide", killed)
        await social.worker(others).work()
    assert len(records(social)) == 1 and benefit(social, offer) == "2000.00"
    clock.forward(minutes=5)
    await settle(social, others, clock)
    assert len(records(social)) == 2 and benefit(social, offer) == "2400.00"
    assert social.offer(offer, USAGE).version == 2
    assert [one.state for one in ripples(social)] == ["redecided"]


async def test_an_income_that_the_rules_do_not_look_at(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    await offered(social, others, clock)
    declare(social, MOTHER, "9000", month(2026, 1), month(2026, 1))
    await settle(social, others, clock)
    assert ripples(social) == [] and len(records(social)) == 1


async def test_what_was_unknown_is_news_and_no_correction(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    with social.kernel.used("correct", replace(USAGE, message_id="gone")) as use:
        use.facts.retract(MOTHER, "contribution", valid_from=date(2000, 1, 1), key="10001234")
    offer = await offered(social, others, clock)
    declare(social, MOTHER, "2100")
    await settle(social, others, clock)
    assert ripples(social) == [] and benefit(social, offer) == "2100.00"
    assert [one.effect for one in records(social)] == ["offer", "offer"]


async def test_what_was_paid_is_left_to_an_official(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    offer = await offered(social, others, clock)
    social.accept(offer, "mother", IBAN, by(MOTHER, "accept"))
    declare(social, MOTHER, "2400")
    await settle(social, others, clock)
    states = {one.decision: (one.state, one.reason) for one in ripples(social)}
    made, granted = records(social)[:2]
    assert states[str(granted.id)] == ("listed", "payment")
    assert states[str(made.id)] == ("redecided", None)
    amounts = {f.value["amount"] for f in social.benefits(MOTHER, USAGE, on=date(2026, 5, 20))}
    assert "2000.00" in amounts and "2400.00" not in amounts, "what was granted stays until somebody decides"


async def test_an_income_of_the_other_parent_changes_nothing_that_was_granted(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    offer = await offered(social, others, clock)
    social.accept(offer, "mother", IBAN, by(MOTHER, "accept"))
    declare(social, FATHER, "1700")
    await settle(social, others, clock)
    assert ripples(social) and all(one.state != "listed" for one in ripples(social))


async def test_an_official_releases_with_a_reason_that_is_kept(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    others.abroad.add(FATHER)
    offer = await offered(social, others, clock)
    with serving(social_app(social)) as site:
        asker = Asker(site)
        words = {"words": "Soome ei maksa.", "seconds": 60, "posture": "managed", "view_sha256": "b" * 64}
        released = asker.done(f"/offers/{offer}/release", words, 200)
        held, human = records(social)
        found = asker.value(f"/decisions/{released['decision']}", user=f"EE{MOTHER}")
    assert (human.kind, human.effect, human.supersedes) == ("human", "offer", held.id)
    (step,) = human.human
    assert (step.action, step.reason_code, step.seconds) == ("confirm", "lives_abroad", 60)
    assert step.view_sha256 == "b" * 64
    told = [found["values"][one["text"]["en"]["sealed"]] for one in found["record"]["reasons"]]
    assert "An official has looked at the offer: it goes to the family. Soome ei maksa." in told
    declare(social, MOTHER, "2400")
    await settle(social, others, clock)
    assert [(one.state, one.reason) for one in ripples(social)] == [("listed", "discretion")]


# --- a place in the queue


async def test_a_place_that_was_given_is_listed(directory: Path, clock: SetClock, others: Others) -> None:
    register = EducationRegister.open(directory, people=4_000, clock=clock)
    others.divisions = dict.fromkeys((*others.divisions, CHILD), "0784")
    register.apply_event(event("civil.birth.registered", CHILD), "m-1")
    await settle(register, others, clock)
    place = next(group for group in register.places(USAGE, commune="0784") if group.free)
    standing = register.wish(CHILD, place.kindergarten, None, by(MOTHER, "wish"))
    (first,) = records(register)
    assert (standing.child.state, first.effect) == ("offered", "offer")
    register.apply_event(event("fact.corrected", CHILD, **BORN), "m-2")
    await settle(register, others, clock)
    assert [(one.state, one.reason) for one in ripples(register)] == [("listed", "discretion")]
    register.close()


async def test_cover_that_no_rule_decides_again_is_given_other_days_by_hand(
    insurance: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    """And its card, and whoever it is about hears of it."""
    await covered(insurance, others, clock)
    (first,) = records(insurance)
    replay_mismatched(insurance.deciding, 7, str(first.id))
    (ripple,) = ripples(insurance)
    new = {
        "country": "VN",
        "values": {"child/cover_from/ETERNITY": "2026-02-20"},
        "considerations": "The hospital wrote another day.",
        "reasons": {"et": "Teine päev.", "vi": "Ngày khác.", "en": "Another day."},
        "hearing": {"way": "favourable"},
    }
    with serving(insurance_app(insurance)) as site:
        asker, path = Asker(site), f"/ripples/{ripple.id}/end"
        never = {**new, "values": {"child/cover_until/ETERNITY": "2020-01-01"}}
        refused(
            asker.post(path, {"outcome": "by_hand", "new": {**never, "hearing": {"way": "urgent"}}}),
            400,
            "not_its_kind",
        )
        refused(asker.post(path, {"outcome": "by_hand", "new": never}), 409, "not_favourable")
        line = asker.done(path, {"outcome": "by_hand", "new": new}, 200)
    cover = insurance.cover(VN_CHILD, USAGE)
    assert cover is not None and (cover.valid_from, cover.value["decision"]) == (
        date(2026, 2, 20),
        line["newer"],
    )
    (_, second) = records(insurance)
    assert (str(second.supersedes), second.hearing.required) == (str(first.id), False), (
        "no law there demands it"
    )
    assert "decision.corrected" in sent(insurance, VN_CHILD)
    assert sent(insurance, VN_CHILD).count("insurance.card.issued") == 2, "the card says the new day"
