"""Somebody wrongly recorded as dead: two officials say that they live, and what the death ended is true again; nobody else, and no less, does it."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

from sild.registries import PopulationRegister
from sild.registries.exchange import Told
from sild.registries.tasks import TaskState
from support.clock import SetClock
from support.notices import DOCTOR, signed_death

from ..asking import Asker, refused
from ..conftest import NOW
from ..families import couple, single, young_family
from ..notices import bundle, death_bundle, died, notify, notify_stillborn, recorded

FIRST, SECOND = "EE36805280109", "EE47005120238"
THIRD = "EE37605030299"
DAY = "2026-02-27"
WORDS = {"reason": "The person was here, with their passport."}


class Nobody:
    """Other registers, of which none is asked here."""

    async def ask(self, *_asked: object, **_why: object) -> Told:
        raise AssertionError

    async def send(self, *_sent: object, **_why: object) -> Told:
        raise AssertionError


def fact(population: Asker, person: str, name: str, **said: Any) -> dict[str, Any]:
    found = population.value(f"/persons/{person}/facts", **said)["items"]
    (one,) = [one for one in found if one["name"] == name]
    return dict(one)


def disputed(population: Asker, person: str, by: str | None = None) -> str:
    wrong = fact(population, person, "died")
    said = {"reason": "I live.", "proposed_value": None}
    by = f"EE{by or person}"
    return str(population.done(f"/facts/{wrong['fact']}/dispute", said, user=by)["id"])


def annul(
    population: Asker, person: str, by: str | None = None, officials: tuple[str, str] = (FIRST, SECOND)
) -> str:
    dispute = disputed(population, person, by)
    for official, state in zip(officials, ("OPEN", "CORRECTED"), strict=True):
        said = population.done(f"/disputes/{dispute}/annulment", WORDS, 200, user=official)
        assert said == {"id": dispute, "state": state}
    return dispute


def related(population: Asker, person: str) -> set[tuple[str, str, bool]]:
    found = population.value(f"/persons/{person}/relations")["items"]
    return {(one["code"], one["relation"], one["custody"]) for one in found}


def status(population: Asker, person: str) -> str:
    return str(population.value(f"/persons/{person}/status")["status"])


def test_who_was_dead_by_mistake_lives_again_and_is_married_and_a_parent_again(
    population: Asker, either_register: PopulationRegister, hand_clock: SetClock
) -> None:
    """From the day on which it ended, on both sides, and what the register said then it says of then."""
    either_register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["*"])
    parent, child = young_family()
    before = {one: related(population, one) for one in (parent.code, child.code)}
    was = population.value(f"/persons/{parent.code}")
    died(population, parent.code, DAY)
    assert related(population, child.code) != before[child.code]
    hand_clock.forward(days=3)
    mistaken = hand_clock()
    dispute = annul(population, parent.code)
    assert population.value(f"/persons/{parent.code}") == was
    assert {one: related(population, one) for one in before} == before
    since = {
        (one["name"], one["key"]): (one["valid_from"], one.get("valid_to"))
        for one in population.value(f"/persons/{child.code}/facts")["items"]
    }
    assert since["custody", parent.code][0] == (date.fromisoformat(DAY) + timedelta(days=1)).isoformat()
    then = population.value(
        f"/persons/{parent.code}/facts?known_at={(mistaken - timedelta(hours=1)).isoformat().replace('+', '%2B')}"
    )["items"]
    assert "died" in [one["name"] for one in then]
    told = [one.event for one in either_register.kernel.outbox.deliveries_about(parent.code)]
    assert [one.type for one in told] == [
        "civil.death.registered", "matter.opened", "matter.opened", "matter.settled", "fact.corrected", "civil.death.annulled",
    ]  # fmt: skip
    assert told[-1].data == {"died": DAY}
    answered = population.value(f"/disputes/{dispute}", user=f"EE{parent.code}")
    assert (answered["state"], answered["answer"]) == ("CORRECTED", WORDS["reason"])
    said = fact(population, parent.code, "death_annulled")["value"]
    assert said == {"died": DAY, "reason": WORDS["reason"], "proposed": WORDS["reason"]}
    for official in (FIRST, SECOND):
        uses = [
            one
            for one in either_register.kernel.usage_of(parent.code).entries
            if one.usage.user_id == official
        ]
        assert [one.operation for one in uses] == ["annulDeath"], "they see who said so"


def test_one_official_alone_makes_nobody_live(population: Asker, hand_clock: SetClock) -> None:
    person = single().code
    died(population, person, DAY)
    dispute = disputed(population, person)
    path = f"/disputes/{dispute}/annulment"
    for by in (f"EE{person}", "automatic"):
        refused(population.post(path, WORDS, user=by), 403, "officials_only")
    refused(population.post(path, WORDS, user=FIRST, login=None), 403, "acting_not_proven")
    refused(population.post(path, {"reason": ""}, user=FIRST), 400, "bad_request")
    done = population.done(path, WORDS, 200, user=FIRST, id="once")
    assert population.done(path, WORDS, 200, user=FIRST, id="once") == done
    refused(population.post(path, WORDS, user=FIRST), 409, "same_official")
    assert status(population, person) == "DEAD"
    matter = population.value(f"/matters/disputed_death/{dispute}", user=SECOND)
    facts = {one["name"]: one["value"] for one in matter["facts"]}
    assert (matter["state"], matter["said"]) == ("waiting", "I live.")
    assert (facts["fact"], facts["annulment"]) == (DAY, WORDS["reason"])
    known = population.value(f"/persons/{person}")
    assert facts["person"] == person
    assert facts["person_name"] == f"{known['given_names']} {known['family_name']}"
    assert facts["death_notified_by"].endswith(", Tartu Ülikooli Kliinikum")
    population.done(f"/disputes/{dispute}/refusal", {"reason": "The body was seen."}, 200, user=SECOND)
    refused(population.post(path, WORDS, user=SECOND), 409, "dispute_is_closed")
    assert status(population, person) == "DEAD"
    again = disputed(population, person)
    hand_clock.forward(days=1)
    population.done(f"/disputes/{again}/annulment", WORDS, 200, user=SECOND)
    assert status(population, person) == "DEAD", "the first word was of another dispute"


def test_who_said_that_somebody_died_does_not_say_that_they_live(
    population: Asker, hand_clock: SetClock
) -> None:
    """Neither who signed the notice, whoever sent it, nor who corrected the day; of another death they do."""
    person, doctor = single().code, f"EE{DOCTOR}"
    notice = signed_death(death_bundle(person, DAY), at=NOW)
    assert notify(population, notice, path="/deaths", user="automatic").status == 201
    better = {"value": "2026-02-20", "reason": "A digit was wrong."}
    population.done(f"/facts/{fact(population, person, 'died')['fact']}/correction", better, user=FIRST)
    path = f"/disputes/{disputed(population, person)}/annulment"
    for by in (doctor, FIRST):
        refused(population.post(path, WORDS, user=by), 409, "said_it_yourself")
    population.done(path, WORDS, 200, user=SECOND)
    for by in (doctor, FIRST):
        refused(population.post(path, WORDS, user=by), 409, "said_it_yourself")
    assert status(population, person) == "DEAD"
    assert DOCTOR not in str(population.value(f"/persons/{person}/facts", user=f"EE{person}"))
    population.done(path, WORDS, 200, user=THIRD)
    hand_clock.forward(days=1)
    died(population, person, "2026-03-02")
    path = f"/disputes/{disputed(population, person)}/annulment"
    for by in (FIRST, THIRD):
        population.done(path, WORDS, 200, user=by)
    assert status(population, person) == "LIVING"


def test_the_notice_that_was_wrong_ends_nothing_twice_and_a_real_death_does(
    population: Asker, hand_clock: SetClock
) -> None:
    person = single().code
    notice = signed_death(death_bundle(person, DAY), at=NOW)
    doctor = {"path": "/deaths", "user": f"EE{DOCTOR}"}
    assert notify(population, notice, id="n-1", **doctor).status == 201
    annul(population, person)
    refused(notify(population, notice, **doctor), 409, "death_annulled")
    notify(population, notice, id="n-1", **doctor)  # the line broke: the old answer, and nothing done
    assert status(population, person) == "LIVING"
    hand_clock.forward(days=2)
    died(population, person, "2026-03-02")
    assert population.value(f"/persons/{person}")["died"] == "2026-03-02"
    annul(population, person)
    assert status(population, person) == "LIVING", "also the second time"


def test_a_corrected_day_is_annulled_as_the_notice_said_it(population: Asker) -> None:
    wife, _husband = couple()
    before = related(population, wife.code)
    died(population, wife.code, DAY)
    wrong = fact(population, wife.code, "died")["fact"]
    better = {"value": "2026-02-20", "reason": "A digit was wrong."}
    population.done(f"/facts/{wrong}/correction", better, user=FIRST)
    annul(population, wife.code, officials=(SECOND, THIRD))
    assert (status(population, wife.code), related(population, wife.code)) == ("LIVING", before)


def test_beside_another_marriage_none_is_true_again_and_people_see_to_it(
    population: Asker, either_register: PopulationRegister, hand_clock: SetClock
) -> None:
    wife, husband = couple()
    died(population, wife.code, DAY)
    hand_clock.forward(days=1)
    other = single().code
    with either_register.kernel.filling() as facts:
        for one, two in ((husband.code, other), (other, husband.code)):
            facts.record_many(
                [{"entity": one, "name": "spouse", "key": two, "value": True, "valid_from": date(2026, 3, 1), "source": "x", "basis": "x"}]
            )  # fmt: skip
    hand_clock.forward(days=1)
    annul(population, wife.code)
    spouses = {code for code, relation, _ in related(population, husband.code) if relation == "spouse"}
    assert spouses == {other}
    assert not any(relation == "spouse" for _, relation, _ in related(population, wife.code))
    asyncio.run(either_register.worker(Nobody()).work())
    (held,) = either_register.tasks.in_state(TaskState.HELD)
    assert (held.reason, held.subject, held.about["with"]) == ("married_again", wife.code, husband.code)


def test_a_guardian_that_a_court_appointed_since_stays_until_it_says_otherwise(
    population: Asker, either_register: PopulationRegister, hand_clock: SetClock
) -> None:
    parent, child = young_family()
    before = related(population, child.code)
    died(population, parent.code, DAY)
    hand_clock.forward(days=1)
    guardian = single().code
    said = {"ward": child.code, "guardian": guardian, "kind": "guardian", "valid_from": "2026-03-02"}
    population.done("/guardianships", said)
    annul(population, parent.code)
    assert related(population, child.code) == before | {(guardian, "guardian", False)}
    asyncio.run(either_register.worker(Nobody()).work())
    assert [one.reason for one in either_register.tasks.in_state(TaskState.HELD)] == ["guardian_since"]


def test_a_child_is_said_to_live_by_who_had_custody_on_the_last_day(population: Asker) -> None:
    parent, child = young_family()
    died(population, child.code, DAY)
    wrong = fact(population, child.code, "died")["fact"]
    said = {"reason": "My child lives.", "proposed_value": None}
    stranger = f"EE{single('EE', 'M').code}"
    refused(population.post(f"/facts/{wrong}/dispute", said, user=stranger), 404, "unknown_fact")
    annul(population, child.code, by=parent.code)
    assert status(population, child.code) == "LIVING"


def test_what_is_no_death_is_not_annulled(population: Asker) -> None:
    person = single().code
    name = fact(population, person, "given_names")["fact"]
    said = {"reason": "Wrong.", "proposed_value": "Öö"}
    dispute = population.done(f"/facts/{name}/dispute", said, user=f"EE{person}")["id"]
    refused(population.post(f"/disputes/{dispute}/annulment", WORDS, user=FIRST), 409, "not_a_death")
    refused(population.post("/disputes/none/annulment", WORDS, user=FIRST), 404, "unknown_dispute")
    mother = couple()[0].code
    child = recorded(population, bundle(mother))
    assert notify_stillborn(population, mother, child).status == 201
    dispute = disputed(population, child, by=mother)
    refused(population.post(f"/disputes/{dispute}/annulment", WORDS, user=FIRST), 409, "not_a_death")
    died(population, person, DAY)
    wrong = fact(population, person, "died")["fact"]
    nothing = {"value": None, "reason": "Lives."}
    refused(population.post(f"/facts/{wrong}/correction", nothing, user=FIRST), 400, "invalid_value")
