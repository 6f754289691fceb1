"""A birth written down once reaches the population register once, however often the line breaks; the midwife's page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlencode, urljoin

import pytest

from sild.errors import CallerError
from sild.registries.hospital.register import HospitalRegister, NewBirth
from sild.registries.hospital.ward import make_ward
from support.asgi import Site, serving

from .conftest import CHILD, FATHER, MOTHER, VN_MOTHER, Others, SetClock

MIDWIFE = "48901010015"
BORN = datetime.fromisoformat("2026-03-02T08:15")  # by the country's clock


@pytest.fixture
def register(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[HospitalRegister]:
    register = HospitalRegister.open(directory, database_url, clock=clock)
    yield register
    register.close()


@pytest.fixture
def ward(directory: Path, clock: SetClock) -> Iterator[tuple[Site, HospitalRegister]]:
    register = HospitalRegister.open(directory, clock=clock)
    with serving(make_ward(register, author=MIDWIFE)) as site:
        yield site, register
    register.close()


def birth(**changes: object) -> NewBirth:
    values: dict[str, object] = {"mother": MOTHER, "father": FATHER, "sex": "female", "born": BORN, **changes}
    return NewBirth(**values)  # type: ignore[arg-type]  # one test after another changes one field


async def settle(register: HospitalRegister, others: Others, clock: SetClock) -> None:
    worker = register.worker(others)
    while await worker.work():
        pass


async def test_a_birth_goes_out_as_a_fhir_bundle(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    others.answers = [{"notice": 1, "outcome": "RECORDED", "child": CHILD}]
    written = register.note_birth(birth(), author=MIDWIFE, token="form-0001")
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
    assert register.kernel.usage_of(MOTHER).total == 1


async def test_sent_again_it_is_the_same_message_with_the_same_content(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    others.down = {"population"}
    register.note_birth(birth(), author=MIDWIFE, token="form-0001")
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
    register.note_birth(
        birth(stillborn=True, multiple=1, mother=VN_MOTHER, father=None), author=MIDWIFE, token="form-0001"
    )
    await settle(register, others, clock)
    register.note_birth(birth(multiple=2), author=MIDWIFE, token="form-0002")
    await settle(register, others, clock)
    register.note_death(MOTHER, date(2026, 3, 2), author=MIDWIFE, token="form-0003")
    await settle(register, others, clock)
    patient = others.sent[0][2]["entry"][0]["resource"]
    assert patient["deceasedBoolean"] is True and patient["multipleBirthInteger"] == 1
    assert others.sent[0][2]["entry"][1]["resource"]["identifier"][0]["system"] == "urn:sild:sid:VN:ni"
    assert others.sent[2][1:3] == ("deaths", {"person": MOTHER, "died": "2026-03-02", "place": register.name})
    assert [(n.kind, n.state) for n in register.notices()] == [
        ("death", "arrived"),
        ("birth", "review"),
        ("stillbirth", "arrived"),
    ]


async def test_what_the_register_refuses_is_shown_with_the_reason_and_not_sent_again(
    register: HospitalRegister, others: Others, clock: SetClock
) -> None:
    others.answers = [CallerError("Unknown person: nobody has this code", code="http_error")]
    register.note_birth(birth(), author=MIDWIFE, token="form-0001")
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


# --- the page

FORM = {"mother": MOTHER, "father": "", "sex": "male", "born": "2026-03-02T08:15", "multiple": ""}
FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


def post(site: Site, path: str, fields: dict[str, str], **headers: str) -> tuple[int, str]:
    """As a browser does: a redirect is followed."""
    answer = site.request("POST", path, body=urlencode(fields).encode(), headers={**FORM_HEADERS, **headers})
    if answer.status == 303:
        answer = site.get(urljoin(path, answer.headers["Location"]))
    return answer.status, answer.text


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_the_form_sent_twice_is_one_notice(ward: tuple[Site, HospitalRegister]) -> None:
    site, register = ward
    token = token_of(site.get("/ward/?lang=en").text)
    for _ in range(2):
        status, page = post(site, "/ward/births?lang=en", {**FORM, "token": token})
        assert status == 200 and "On its way to the population register" in page
    assert [(n.kind, n.person) for n in register.notices()] == [("birth", MOTHER)]


def test_a_refused_form_keeps_what_was_written(ward: tuple[Site, HospitalRegister]) -> None:
    site, register = ward
    status, page = post(site, "/ward/births", {**FORM, "mother": "<b>1", "token": "form-0001"})
    assert status == 422 and "Teadet ei kirjutatud" in page
    assert "<b>1" not in page and "&lt;b&gt;1" in page
    for wrong in ({"born": "yesterday"}, {"multiple": "two"}, {"token": ""}):
        assert post(site, "/ward/births", {**FORM, "token": "form-0001", **wrong})[0] == 422
    assert register.notices() == []


def test_a_death_and_three_languages(ward: tuple[Site, HospitalRegister]) -> None:
    site, register = ward
    fields = {"person": MOTHER, "died": "2026-03-02", "token": "form-0001"}
    assert post(site, "/ward/deaths?lang=vi", fields)[0] == 200
    assert register.notices()[0].kind == "death"
    for language, title in (("et", "Sünnitusosakond"), ("vi", "Khoa sản"), ("en", "Maternity ward")):
        page = site.get("/ward/", accept_language=language).text
        assert title in page and f'lang="{language}"' in page
    assert site.get("/ward/ward.css").headers["Content-Type"].startswith("text/css")


def test_another_site_cannot_send_it(ward: tuple[Site, HospitalRegister]) -> None:
    site, register = ward
    assert (
        post(site, "/ward/births", {**FORM, "token": "form-0001"}, **{"Sec-Fetch-Site": "cross-site"})[0]
        == 403
    )
    assert post(site, "/ward/births", {**FORM, "token": "form-0001", "x": "y" * 9_000})[0] == 413
    assert register.notices() == []
