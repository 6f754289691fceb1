"""A notice of birth counts by two words, the hospital's seal and the signature of who gives it; with one of them missing nothing is recorded."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from sild.registries import PopulationRegister
from sild.registries.population.notifying import Notifier, Notifying
from support.notices import (
    HOSPITAL,
    LISTED,
    MIDWIFE,
    NAMED,
    OTHER_HOSPITAL,
    SENT_BY,
    STRANGER,
    signed_bundle,
)
from support.pki import Pki

from ..asking import Asker, refused
from ..conftest import NOW, SetClock
from ..families import single
from ..notices import bundle, notify, recorded

MOTHER = single().code
PARTS = ("signature", "data")


def signed(notice: dict[str, Any] | None = None, **said: Any) -> dict[str, Any]:
    return signed_bundle(notice or bundle(MOTHER), **{"at": NOW, **said})


def changed(notice: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    notice = copy.deepcopy(notice)
    place: Any = notice
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return notice


def test_who_gave_notice_is_recorded_by_name_and_profession(
    population: Asker, either_register: PopulationRegister
) -> None:
    child = recorded(population, signed())
    told = population.value(f"/births/{child}")["notified"]
    assert told == {
        "name": "Tiina Ämm",
        "profession": "midwife",
        "licence": "N04512",
        "signed_at": "2026-03-01T12:00:00Z",
    }
    fact = next(
        one for one in population.value(f"/persons/{child}/facts")["items"] if one["name"] == "birth_notice"
    )
    assert fact["value"]["notified"]["profession"] == "midwife" and MIDWIFE not in str(fact)
    (use,) = [
        one for one in either_register.kernel.usage_of(MOTHER).entries if one.operation == "takeBirthNotice"
    ]
    assert (use.usage.user_id, use.usage.client) == (f"EE{MIDWIFE}", SENT_BY)


def test_a_machine_sends_what_a_professional_signed(population: Asker) -> None:
    """A hospital's own system: the seal is the hospital's, the signature the midwife's."""
    recorded(population, signed(), user="automatic")


def test_without_a_signature(population: Asker, either_register: PopulationRegister) -> None:
    notice = bundle(MOTHER)
    refused(notify(population, {**notice, "signature": None}), 403, "signature_missing")
    assert population.value(f"/births?parent={MOTHER}")["items"] == []
    outcomes = [one.outcome for one in either_register.kernel.usage_of(MOTHER).entries]
    assert "signature_missing" in outcomes, "the try is a use of the mother's data"


ATTACKS: dict[str, tuple[dict[str, Any], str]] = {
    "over another child": (signed(over=bundle(MOTHER, sex="male")), "invalid_signature"),
    "changed after it was signed": (
        changed(signed(), "entry", 0, "resource", "gender", to="male"),
        "invalid_signature",
    ),
    "another mother": (
        changed(signed(), "entry", 1, "resource", "identifier", 0, "value", to=STRANGER),
        "invalid_signature",
    ),
    "the number of another notice": (
        changed(signed(), "identifier", "value", to="2026-9"),
        "invalid_signature",
    ),
    "said to be of somebody else": (signed(person=STRANGER, who=MIDWIFE), "invalid_signature"),
    "of another authority": (signed(pki=Pki(common_name="Stranger CA")), "invalid_signature"),
    "a revoked certificate": (signed(status="revoked"), "invalid_signature"),
    "another document's name": (signed(name="statement.json"), "invalid_signature"),
    "of tomorrow": (signed(at=NOW + timedelta(days=1)), "invalid_signature"),
    "nonsense": (changed(signed(), *PARTS, to="PGE+PC9hPg=="), "invalid_signature"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_signature_that_does_not_hold(population: Asker, attack: str) -> None:
    notice, code = ATTACKS[attack]
    refused(notify(population, notice), 403, code)
    assert population.value(f"/births?parent={MOTHER}")["items"] == []


def test_signed_by_somebody_and_sent_by_another(population: Asker) -> None:
    refused(notify(population, signed(), user=f"EE{STRANGER}"), 403, "invalid_signature")


def test_by_whom_nobody_let(population: Asker, either_register: PopulationRegister) -> None:
    """A person with a good signature, a midwife under another's seal, one whose time is over or has not come."""
    stranger = signed(person=STRANGER)
    refused(notify(population, stranger, user=f"EE{STRANGER}"), 403, "may_not_notify")
    elsewhere = "SILD/COM/90000009/hospital"
    refused(notify(population, signed(), X_Road_Client=elsewhere), 403, "may_not_notify")
    day = NOW.date()
    for since, until in ((day + timedelta(days=1), None), (day - timedelta(days=9), day - timedelta(days=1))):
        listed = [Notifier(MIDWIFE, "Tiina Ämm", HOSPITAL, since=since, until=until)]
        either_register.notifying = Notifying(listed, NAMED)
        refused(notify(population, signed()), 403, "may_not_notify")
    either_register.notifying = Notifying((), NAMED)
    refused(notify(population, signed()), 403, "may_not_notify")
    either_register.notifying = Notifying(LISTED, ())
    refused(notify(population, signed()), 403, "invalid_signature")
    assert population.value(f"/births?parent={MOTHER}")["items"] == []


def test_who_was_let_when_it_was_signed_may_have_left_when_it_arrives(
    population: Asker, either_register: PopulationRegister, hand_clock: SetClock
) -> None:
    listed = [Notifier(MIDWIFE, "Tiina Ämm", HOSPITAL, until=NOW.date())]
    either_register.notifying = Notifying(listed, NAMED)
    notice = signed()
    hand_clock.forward(days=2)
    recorded(population, notice)


def test_what_was_signed_too_long_ago_is_signed_anew(population: Asker, hand_clock: SetClock) -> None:
    notice, late = bundle(MOTHER), signed(bundle(MOTHER, number="late"))
    old = signed(notice)
    child = recorded(population, old)
    hand_clock.forward(days=8)
    refused(notify(population, late), 409, "notice_too_old")
    again = notify(population, old)
    assert (again.status, again.json()) == (200, {"outcome": "REPEATED", "child": child}), (
        "it was here in time"
    )
    anew = notify(population, signed(notice, at=NOW + timedelta(days=8)))
    assert anew.json() == {"outcome": "REPEATED", "child": child}


def test_replayed_by_another_hospital_it_is_the_same_child(population: Asker) -> None:
    """She works in both: the notice has the first one's number, and is no second child."""
    notice = signed()
    child = recorded(population, notice)
    again = notify(population, notice, X_Road_Client=f"{OTHER_HOSPITAL}/hospital")
    assert again.json() == {"outcome": "REPEATED", "child": child}


def test_a_signature_is_of_an_author_in_the_one_form(population: Asker) -> None:
    for path, value in (
        (("signature", "type", 0, "code"), "1.2.840.10065.1.12.1.5"),
        (("signature", "sigFormat"), "application/jose"),
        (("signature", "targetFormat"), "text/plain"),
        (("signature", "data"), "%%%"),
        (("signature", "who", "identifier", "value"), "1"),
        (("signature", "who", "identifier", "system"), "urn:sild:sid:VN:ni"),
    ):
        refused(notify(population, changed(signed(), *path, to=value)), 400, "invalid_birth_notice")
