"""A notice of a death counts by the hospital's seal and a doctor's signature, of a stillbirth by a midwife's; else nobody dies here."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from sild.registries import PopulationRegister
from sild.registries.population.notifying import Notifier, Notifying
from sild.registries.profiles import profile
from support.notices import (
    DOCTOR,
    HOSPITAL,
    LISTED,
    MIDWIFE,
    NAMED,
    SENT_BY,
    STRANGER,
    signed_bundle,
    signed_death,
)
from support.pki import Pki

from ..asking import Asker, refused
from ..conftest import NOW, SetClock
from ..families import couple, dead, single
from ..notices import bundle, death_bundle, died, notify, notify_death, recorded

PERSON = single()
DAY = "2026-02-27"
DOCTORS = {"path": "/deaths", "user": f"EE{DOCTOR}"}


def signed(notice: dict[str, Any] | None = None, **said: Any) -> dict[str, Any]:
    return signed_death(notice or death_bundle(PERSON.code, DAY), **{"at": NOW, **said})


def changed(notice: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    notice = copy.deepcopy(notice)
    place: Any = notice
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return notice


def lives(register: Asker, person: str = PERSON.code) -> bool:
    standing: str = register.value(f"/persons/{person}/status")["status"]
    return standing == "LIVING"


def test_who_gave_notice_is_recorded_by_name_and_profession(
    population: Asker, either_register: PopulationRegister
) -> None:
    died(population, PERSON.code, DAY)
    facts = population.value(f"/persons/{PERSON.code}/facts")["items"]
    (fact,) = [one for one in facts if one["name"] == "death_notice"]
    assert fact["value"]["notified"] == {
        "name": "Rein Arst",
        "profession": "doctor",
        "licence": "D02211",
        "signed_at": "2026-03-01T12:00:00+00:00",
    }
    assert DOCTOR not in str(fact) and not lives(population)
    (use,) = [
        one for one in either_register.kernel.usage_of(PERSON.code).entries if one.operation == "recordDeath"
    ]
    assert (use.usage.user_id, use.usage.client) == (f"EE{DOCTOR}", SENT_BY)


def test_what_was_taken_unsigned_is_taken_no_more(
    population: Asker, either_register: PopulationRegister
) -> None:
    """The bare words, and a Bundle without a signature, by whoever has the right to call."""
    for bare in ("/deaths", "/stillbirths"):
        answer = population.post(bare, {"person": PERSON.code, "died": DAY, "mother": PERSON.code, "on": DAY})
        assert answer.status == 400, answer.text
    notice = {**death_bundle(PERSON.code, DAY), "signature": None}
    for user in (f"EE{DOCTOR}", "automatic"):
        refused(notify(population, notice, **{**DOCTORS, "user": user}), 403, "signature_missing")
    assert lives(population)
    outcomes = [one.outcome for one in either_register.kernel.usage_of(PERSON.code).entries]
    assert "signature_missing" in outcomes, "the try is a use of their data"


ATTACKS: dict[str, dict[str, Any]] = {
    "another day is signed": signed(over=death_bundle(PERSON.code, "2026-02-26")),
    "another person, after it was signed": changed(
        signed(), "entry", 0, "resource", "identifier", 0, "value", to=STRANGER
    ),
    "another day, after it was signed": changed(
        signed(), "entry", 0, "resource", "deceasedDateTime", to="2026-02-20"
    ),
    "said to be of somebody else": signed(person=STRANGER, who=DOCTOR),
    "of another authority": signed(pki=Pki(common_name="Stranger CA")),
    "a revoked certificate": signed(status="revoked"),
    "signed as a notice of birth": signed(name="birth-notice.json"),
    "of tomorrow": signed(at=NOW + timedelta(days=1)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_signature_that_does_not_hold(population: Asker, attack: str) -> None:
    refused(notify(population, ATTACKS[attack], **DOCTORS), 403, "invalid_signature")
    assert lives(population)


def test_signed_by_one_and_sent_by_another(population: Asker) -> None:
    refused(notify(population, signed(), **{**DOCTORS, "user": f"EE{STRANGER}"}), 403, "invalid_signature")
    answer = notify(population, signed(), **{**DOCTORS, "user": "automatic"})
    assert answer.status == 201, "a hospital's own system sends what its doctor signed"


def test_by_whom_nobody_let(population: Asker, either_register: PopulationRegister) -> None:
    """A person with a good signature, a midwife, a doctor under another's seal, of another day, of a profession the law does not name."""
    for person in (STRANGER, MIDWIFE):
        answer = notify(population, signed(person=person), path="/deaths", user=f"EE{person}")
        refused(answer, 403, "may_not_notify")
    elsewhere = "SILD/COM/90000009/hospital"
    refused(notify(population, signed(), **DOCTORS, X_Road_Client=elsewhere), 403, "may_not_notify")
    day = NOW.date()
    for listed in (
        [Notifier(DOCTOR, "Rein Arst", HOSPITAL, "doctor", since=day + timedelta(days=1))],
        [Notifier(DOCTOR, "Rein Arst", HOSPITAL, "doctor", until=day - timedelta(days=1))],
        [Notifier(DOCTOR, "Rein Arst", HOSPITAL)],
        [Notifier(DOCTOR, "Rein Arst", HOSPITAL, "porter")],
        [],
    ):
        either_register.notifying = Notifying(listed, NAMED)
        refused(notify(population, signed(), **DOCTORS), 403, "may_not_notify")
    either_register.notifying = Notifying(LISTED, ())
    refused(notify(population, signed(), **DOCTORS), 403, "invalid_signature")
    assert lives(population)


def test_nobody_gives_notice_of_their_own_death(
    population: Asker, either_register: PopulationRegister
) -> None:
    either_register.notifying = Notifying([Notifier(PERSON.code, "Ise", HOSPITAL, "doctor")], NAMED)
    answer = notify(population, signed(person=PERSON.code), path="/deaths", user="automatic")
    refused(answer, 403, "may_not_notify")
    assert lives(population)


def test_a_code_of_somebody_with_another_name(population: Asker) -> None:
    """A slip of the pen in the code ends nobody's benefits."""
    other = {"text": "Võõras Vaikeveer"}
    notice = signed(death_bundle(PERSON.code, DAY, name=other))
    refused(notify(population, notice, **DOCTORS), 409, "name_differs")
    assert lives(population)
    for name in (
        {"text": f"{PERSON.family_name} {PERSON.given_names}"},
        {"family": PERSON.family_name, "given": [PERSON.given_names]},
    ):
        notice = signed(death_bundle(PERSON.code, DAY, name=name))
        assert notify(population, notice, **DOCTORS).status in (200, 201)


def test_what_was_signed_too_long_ago_is_signed_anew(population: Asker, hand_clock: SetClock) -> None:
    notice = death_bundle(PERSON.code, DAY)
    old = signed(notice)
    hand_clock.forward(days=8)
    refused(notify(population, old, **DOCTORS), 409, "notice_too_old")
    assert lives(population)
    assert notify(population, signed(notice, at=hand_clock()), **DOCTORS).status == 201
    assert notify(population, old, **DOCTORS).json()["recorded"] is False


def test_what_is_no_notice_of_a_death(population: Asker) -> None:
    notice = signed()
    for path, value in (
        (("entry", 0, "resource", "deceasedDateTime"), "yesterday"),
        (("entry", 0, "resource", "identifier"), []),
        (("entry", 0, "resource", "identifier", 0, "system"), "urn:other"),
        (("entry", 1, "resource", "subject", "reference"), "urn:uuid:another"),
        (("entry", 1), notice["entry"][0]),
        (("entry", 0, "resource", "unknown"), "x"),
        (("signature", "type", 0, "code"), "1.2.840.10065.1.12.1.5"),
    ):
        refused(notify(population, changed(notice, *path, to=value), **DOCTORS), 400, "invalid_death_notice")
    refused(notify(population, b"[" * 70_000, **DOCTORS), 400, "invalid_death_notice")
    refused(notify(population, bundle(PERSON.code), **DOCTORS), 400, "invalid_death_notice")
    refused(notify_death(population, dead().code, DAY), 409, "already_dead")
    assert lives(population)


NO_DAY = (
    "2026",
    "2026-02",
    2026,
    1772236800,
    -5,
    "-5",
    "1772236800",
    2026.5,
    True,
    None,
    "2026-02-30",
    "20260227",
)
NO_TIME = (
    "2026-02-27T22:30",
    "2026-02-27T22:30:00",
    "2026-02-27 22:30:00Z",
    "9999-12-31T23:59:59Z",
    "2026-02-27T22Z",
)


@pytest.mark.parametrize("said", [*NO_DAY, *NO_TIME])
def test_a_death_is_on_a_whole_day_or_at_a_time_with_its_zone(population: Asker, said: object) -> None:
    """A year alone is legal FHIR, and seconds since 1970 to a library: nobody died on the day that makes."""
    patient = ("entry", 0, "resource", "deceasedDateTime")
    notice = signed(changed(death_bundle(PERSON.code, DAY), *patient, to=said))
    refused(notify(population, notice, **DOCTORS), 400, "invalid_death_notice")
    assert lives(population)


@pytest.mark.parametrize("said", [2026, "2026", "-5"])
def test_no_other_time_of_a_notice_is_a_number(population: Asker, said: object) -> None:
    of_death = death_bundle(PERSON.code, DAY)
    for path in (
        ("timestamp",),
        ("entry", 0, "resource", "birthDate"),
        ("entry", 1, "resource", "period", "start"),
        ("entry", 1, "resource", "period", "end"),
    ):
        notice = signed(changed(of_death, *path, to=said))
        refused(notify(population, notice, **DOCTORS), 400, "invalid_death_notice")
    refused(notify(population, changed(signed(), "signature", "when", to=said), **DOCTORS), 400, "invalid_death_notice")  # fmt: skip
    of_birth = bundle(PERSON.code)
    time = {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": said}
    for path, to in (
        (("timestamp",), said),
        (("entry", 0, "resource", "birthDate"), said),
        (("entry", 0, "resource", "_birthDate"), {"extension": [time]}),
    ):
        refused(notify(population, changed(of_birth, *path, to=to)), 400, "invalid_birth_notice")
    assert lives(population)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2026-02-27T22:30:00Z", "2026-02-28"),
        ("2026-02-27T21:59:59.999Z", "2026-02-27"),
        ("2026-02-28T04:00:00+07:00", "2026-02-27"),
    ],
)
def test_the_day_of_a_death_is_by_the_registers_clock(population: Asker, said: str, day: str) -> None:
    died(population, PERSON.code, said)
    assert population.value(f"/persons/{PERSON.code}")["died"] == day


@pytest.mark.parametrize(
    ("said", "is_taken"),
    [
        ("2026-03-01T14:00:00+02:00", True),
        ("2026-03-01T12:06:00Z", False),
        ("2026-03-01T23:59:00+02:00", False),
    ],
)
def test_nobody_dies_later_today(population: Asker, said: str, is_taken: bool) -> None:
    """By the clock, with some minutes for the hospital's."""
    answer = notify_death(population, PERSON.code, said)
    if is_taken:
        assert answer.status == 201
    else:
        refused(answer, 400, "date_out_of_range")
    assert lives(population) is not is_taken


@pytest.mark.parametrize(("lets", "is_taken"), [("EE", False), ("VN", True)])
def test_the_law_is_that_of_who_died_not_of_the_doctor(
    population: Asker, monkeypatch: pytest.MonkeyPatch, lets: str, is_taken: bool
) -> None:
    """Whose country lets nobody give such a notice dies by nobody's, wherever the doctor is from; and a birth likewise."""

    def law(country: Any) -> Any:
        known = profile(country)
        return known if country == lets else known.model_copy(update={"notices": {}})

    monkeypatch.setattr("sild.registries.population.notifying.profile", law)
    person, mother = single("VN").code, couple("VN")[0].code
    answers = (notify_death(population, person, DAY), notify(population, bundle(mother)))
    for answer in answers:
        if is_taken:
            assert answer.status == 201, answer.text
        else:
            refused(answer, 403, "may_not_notify")
    assert lives(population, person) is not is_taken


def test_nobody_dies_before_they_were_born(population: Asker) -> None:
    for said in ((PERSON.born - timedelta(days=1)).isoformat(), "1900-01-01T00:00:00Z"):
        refused(notify_death(population, PERSON.code, said), 400, "date_out_of_range")
    assert lives(population)


def test_a_living_child_is_not_made_a_stillborn_one_unsigned(population: Asker) -> None:
    mother, _ = couple()
    child = recorded(population, bundle(mother.code))
    told = bundle(mother.code, stillborn=True, child=child)
    path = "/stillbirths"
    refused(notify(population, {**told, "signature": None}, path), 403, "signature_missing")
    stranger = signed_bundle(told, at=NOW, person=STRANGER)
    refused(notify(population, stranger, path, user=f"EE{STRANGER}"), 403, "may_not_notify")
    over = signed_bundle(told, at=NOW, over=bundle(mother.code, stillborn=True))
    refused(notify(population, over, path), 403, "invalid_signature")
    refused(notify(population, told), 400, "another_notice")
    for other in (bundle(mother.code, stillborn=True), bundle(mother.code, child=child)):
        refused(notify(population, other, path), 400, "another_notice")
    assert population.value(f"/births/{child}")["status"] == "UNNAMED"
    assert notify(population, told, path).status == 201
    assert population.value(f"/births/{child}")["status"] == "STILLBORN"
