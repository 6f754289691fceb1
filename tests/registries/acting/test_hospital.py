"""A birth written down once reaches the population register once, however often the line breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from sild.catalogue import Profile
from sild.errors import CallerError
from sild.registries.fhir import DEATH_NAME
from sild.registries.hospital.register import HospitalRegister, NewBirth, Notice
from sild.registries.identity_codes import Country
from sild.registries.population.birth_notice import parse_birth_notice
from sild.registries.population.death_notice import parse_death_notice
from sild.registries.profiles import profile
from support.notices import DOCTOR, STRANGER, container

from .conftest import CHILD, FATHER, MOTHER, VN_MOTHER, Others, SetClock

MIDWIFE = "48901010015"
BORN = datetime.fromisoformat("2026-03-02T08:15")  # by the country's clock


@pytest.fixture
def register(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[HospitalRegister]:
    register = HospitalRegister.open(directory, database_url, clock=clock)
    yield register
    register.close()


def birth(**changes: object) -> NewBirth:
    values: dict[str, object] = {"mother": MOTHER, "father": FATHER, "sex": "female", "born": BORN, **changes}
    return NewBirth(**values)  # type: ignore[arg-type]  # one test after another changes one field


def write(register: HospitalRegister, clock: SetClock, token: str, **changes: object) -> Notice:
    """Written, and signed by who wrote it."""
    notice = register.note_birth(birth(**changes), author=MIDWIFE, token=token)
    return register.signed(notice.id, MIDWIFE, container(notice.content, at=clock()))


async def settle(register: HospitalRegister, others: Others, clock: SetClock) -> None:
    worker = register.worker(others)
    while await worker.work():
        pass


async def test_a_birth_goes_out_as_a_fhir_bundle(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    others.answers = [{"notice": 1, "outcome": "RECORDED", "child": CHILD}]
    written = write(register, clock, "form-0001")
    assert (written.state, written.number) == ("waiting", "2026-000001")
    await settle(register, others, clock)
    ((where, path, bundle, because),) = others.sent
    assert (where, path) == ("population", "birth-notices")
    assert (because.user_id, because.basis) == (f"EE{MIDWIFE}", "PKTS § 22")
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds == ["Patient", "RelatedPerson", "RelatedPerson", "Encounter"]
    patient = bundle["entry"][0]["resource"]
    assert patient["birthDate"] == "2026-03-02" and "deceasedBoolean" not in patient
    assert patient["_birthDate"]["extension"][0]["valueDateTime"] == "2026-03-02T08:15:00+02:00"
    (notice,) = register.notices()
    assert (notice.state, notice.answer["child"]) == ("arrived", CHILD)
    assert parse_birth_notice(json.dumps(bundle).encode()).signature.who == MIDWIFE  # type: ignore[union-attr]
    assert [one.operation for one in register.kernel.usage_of(MOTHER).entries] == [
        "signNotice",
        "writeNotice",
    ]


async def test_sent_again_it_is_the_same_message_with_the_same_content(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    others.down = {"population"}
    write(register, clock, "form-0001")
    for _ in range(3):
        await settle(register, others, clock)
        clock.forward(minutes=20)
    others.down.clear()
    others.answers = [{"outcome": "REPEATED", "child": CHILD}]
    await settle(register, others, clock)
    assert len(others.sent) == 4
    assert len({json.dumps(body) for _, _, body, _ in others.sent}) == 1
    assert len({because.key for *_, because in others.sent}) == 1
    assert register.notices()[0].state == "arrived"


async def test_stillbirth_twins_and_death(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    others.answers = [{"outcome": "STILLBORN"}, {"outcome": "REVIEW", "review": 3}, {"died": "2026-03-02"}]
    write(register, clock, "form-0001", stillborn=True, multiple=1, mother=VN_MOTHER, father=None)
    await settle(register, others, clock)
    write(register, clock, "form-0002", multiple=2)
    await settle(register, others, clock)
    death = register.note_death(
        MOTHER, date(2026, 3, 2), author=DOCTOR, token="form-0003", full_name="Mari Maasikas"
    )
    await settle(register, others, clock)
    assert len(others.sent) == 2, "nothing goes out unsigned"
    register.signed(death.id, DOCTOR, container(death.content, at=clock(), person=DOCTOR, name=DEATH_NAME))
    await settle(register, others, clock)
    patient = others.sent[0][2]["entry"][0]["resource"]
    assert patient["deceasedBoolean"] is True and patient["multipleBirthInteger"] == 1
    assert others.sent[0][2]["entry"][1]["resource"]["identifier"][0]["system"] == "urn:sild:sid:VN:ni"
    _, path, bundle, because = others.sent[2]
    told = parse_death_notice(json.dumps(bundle).encode(), register.kernel.zone)
    assert (path, because.user_id, because.basis) == ("deaths", f"EE{DOCTOR}", "PKTS § 28")
    assert (told.notice.person, told.notice.died, told.notice.place) == (
        MOTHER,
        date(2026, 3, 2),
        register.name,
    )
    assert told.notice.named.family_name == "Mari Maasikas" and told.signature.who == DOCTOR  # type: ignore[union-attr]
    assert [(n.kind, n.state) for n in register.notices()] == [
        ("death", "arrived"),
        ("birth", "review"),
        ("stillbirth", "arrived"),
    ]


async def test_a_stillborn_child_that_was_recorded_as_living(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    others.answers = [{"mother": MOTHER, "child": CHILD}]
    write(register, clock, "form-0001", stillborn=True, child=CHILD)
    await settle(register, others, clock)
    ((_, path, bundle, _),) = others.sent
    told = parse_birth_notice(json.dumps(bundle).encode())
    assert (path, told.child, told.notice.stillborn) == ("stillbirths", CHILD, True)


async def test_what_the_register_refuses_is_shown_with_the_reason_and_not_sent_again(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    others.answers = [CallerError("Unknown person: nobody has this code", code="http_error")]
    write(register, clock, "form-0001")
    await settle(register, others, clock)
    clock.forward(days=1)
    await settle(register, others, clock)
    assert len(others.sent) == 1
    (notice,) = register.notices()
    assert (notice.state, notice.answer["detail"]) == ("refused", "Unknown person: nobody has this code")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mother": "1"}, "invalid_identity_code"),
        ({"father": "48901010016"}, "invalid_identity_code"),
        ({"sex": "other"}, "bad_request"),
        ({"multiple": 0}, "bad_request"),
        ({"child": CHILD}, "child_is_living"),
        ({"born": datetime.fromisoformat("2026-03-02T11:01")}, "date_out_of_range"),
    ],
)
def test_what_cannot_be_is_not_written(
    register: HospitalRegister, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(CallerError) as refused:
        register.note_birth(birth(**changes), author=MIDWIFE, token="form-0001")
    assert refused.value.code == code
    assert register.notices() == []


# --- signing


async def test_nothing_goes_out_unsigned(register: HospitalRegister, others: Others, clock: SetClock) -> None:
    notice = register.note_birth(birth(), author=MIDWIFE, token="form-0001")
    assert notice.state == "unsigned" and notice.is_to_be_signed
    await settle(register, others, clock)
    assert others.sent == []


async def test_what_waits_for_somebodys_signature_is_found_however_much_others_write(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    """Unsigned, or refused so that it is signed anew; of nobody else, and no longer when it is withdrawn."""
    others.answers = [
        CallerError("signed too long ago", code="notice_too_old"),
        CallerError("Unknown person", code="unknown_person"),
    ]
    late, wrong = (write(register, clock, f"form-000{number}") for number in (1, 2))
    mine = [register.note_birth(birth(), author=MIDWIFE, token=f"form-001{number}") for number in range(2)]
    await settle(register, others, clock)
    for number in range(25):
        register.note_death(MOTHER, date(2026, 3, 2), author=DOCTOR, token=f"form-1{number:03d}")
    assert not {one.author for one in register.notices()} & {MIDWIFE}
    assert [one.id for one in register.to_be_signed_by(MIDWIFE)] == [late.id, *(one.id for one in mine)]
    assert all(one.is_to_be_signed for one in register.to_be_signed_by(MIDWIFE))
    assert len(register.to_be_signed_by(DOCTOR)) == 25 and register.to_be_signed_by(STRANGER) == []
    register.withdraw(mine[0].id, MIDWIFE)
    register.signed(late.id, MIDWIFE, container(late.content, at=clock()))
    assert [one.id for one in register.to_be_signed_by(MIDWIFE)] == [mine[1].id]
    assert register.notice(wrong.id).state == "refused"


async def test_where_the_law_lets_nobody_give_notice(
    register: HospitalRegister, others: Others, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused when it is written; what waits from before, when it would go out; the others go on."""
    before = write(register, clock, "form-0001", mother=VN_MOTHER, father=None)
    other = write(register, clock, "form-0002")

    def law(country: Country) -> Profile:
        known = profile(country)
        return known if country == "EE" else known.model_copy(update={"notices": {}})

    monkeypatch.setattr("sild.registries.profiles.profile", law)
    for attempt in (
        lambda: register.note_birth(birth(mother=VN_MOTHER), author=MIDWIFE, token="form-0003"),
        lambda: register.note_death(VN_MOTHER, date(2026, 3, 2), author=DOCTOR, token="form-0004"),
    ):
        with pytest.raises(CallerError) as refused:
            attempt()
        assert refused.value.code == "may_not_notify"
    others.answers = [{"outcome": "RECORDED", "child": CHILD}]
    await settle(register, others, clock)
    held = register.notice(before.id)
    assert (held.state, held.answer["code"]) == ("refused", "may_not_notify")
    assert register.notice(other.id).state == "arrived" and len(others.sent) == 1
    assert len(register.notices()) == 2


async def test_signed_twice_it_goes_out_once(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    notice = register.note_birth(birth(), author=MIDWIFE, token="form-0001")
    for _ in range(2):
        signed = register.signed(notice.id, MIDWIFE, container(notice.content, at=clock()))
        assert signed.state == "waiting"
    others.answers = [{"outcome": "RECORDED", "child": CHILD}]
    await settle(register, others, clock)
    assert len(others.sent) == 1
    again = register.signed(notice.id, MIDWIFE, container(notice.content, at=clock()))
    assert again.state == "arrived"


def test_only_who_wrote_it_signs_or_withdraws_it(register: HospitalRegister, clock: SetClock) -> None:
    notice = register.note_birth(birth(), author=MIDWIFE, token="form-0001")
    other = register.note_birth(birth(sex="male"), author=MIDWIFE, token="form-0002")
    for attempt in (
        lambda: register.signed(notice.id, STRANGER, container(notice.content, at=clock(), person=STRANGER)),
        lambda: register.withdraw(notice.id, STRANGER),
        lambda: register.signed(notice.id, MIDWIFE, container(other.content, at=clock())),
    ):
        with pytest.raises(CallerError) as refused:
            attempt()
        assert refused.value.code in ("not_to_be_signed", "signature_refused")
    assert register.notice(notice.id).state == "unsigned"
    assert register.withdraw(notice.id, MIDWIFE).state == "withdrawn"
    with pytest.raises(CallerError):
        register.signed(notice.id, MIDWIFE, container(notice.content, at=clock()))
    write(register, clock, "form-0003")
    with pytest.raises(CallerError):
        register.withdraw(register.notices()[0].id, MIDWIFE)


async def test_what_came_too_late_is_signed_anew_in_another_message(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    others.answers = [CallerError("too old", code="notice_too_old")]
    notice = write(register, clock, "form-0001")
    await settle(register, others, clock)
    assert register.notice(notice.id).is_to_be_signed
    register.signed(notice.id, MIDWIFE, container(notice.content, at=clock()))
    others.answers = [{"outcome": "RECORDED", "child": CHILD}]
    await settle(register, others, clock)
    assert [because.key for *_, because in others.sent] == ["notice/2026-000001", "notice/2026-000001/2"]
    assert register.notice(notice.id).state == "arrived"
