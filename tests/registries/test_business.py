"""The business register: entries with sources and days, who represents a company alone, and a member struck off at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sild.errors import CallerError
from sild.registries import BusinessRegister, business_app
from sild.registries.identity_codes import (
    InvalidCompanyCode,
    InvalidIdentityCode,
    parse_company_code,
    parse_identity_code,
)
from sild.registries.kernel import Usage
from sild.registries.synthetic import synthetic_companies, synthetic_people
from support.acting import LogIn, serving
from support.clock import SetClock

from .asking import OFFICIAL, Asker, refused

PEOPLE = 400
MACHINE = "automatic"
SOMEBODY = "38001085718"
COMPANIES = synthetic_companies(synthetic_people(PEOPLE))
LANDLORD = COMPANIES[0]
MEMBER = LANDLORD.board[0][0].code
USAGE = Usage("SILD/GOV/70000001/identity", "m-1", user_id=MACHINE, basis="ÄS § 181")


SYSTEM = "/SILD/GOV/70000012/business"
REGISTRARS = {"user": MACHINE, "X_Road_Client": "SILD/GOV/70000012/entries"}


@pytest.fixture
def register(tmp_path: Path) -> Iterator[BusinessRegister]:
    register = BusinessRegister.open(tmp_path, system=SYSTEM, people=PEOPLE, clock=SetClock())
    yield register
    register.close()


@pytest.fixture
def business_in_either(tmp_path: Path, either_url: str) -> Iterator[Asker]:
    register = BusinessRegister.open(tmp_path, either_url, system=SYSTEM, people=PEOPLE, clock=SetClock())
    with serving(business_app(register)) as site:
        yield Asker(site)
    register.close()


@pytest.fixture
def business(register: BusinessRegister) -> Iterator[Asker]:
    with serving(business_app(register, url="http://business:8000")) as site:
        yield Asker(site)


def board(entry: dict[str, object]) -> set[str]:
    members = entry["board"]
    assert isinstance(members, list)
    return {member["code"] for member in members}


def test_an_entry_has_everything_with_source_and_day(business_in_either: Asker) -> None:
    business = business_in_either
    entry = business.value(f"/companies/{LANDLORD.code}", user=MACHINE)
    assert (entry["name"]["value"], entry["legal_form"]["value"]) == ("Kodumaja OÜ", "OÜ")
    assert (entry["status"]["value"], entry["representation"]["value"]) == ("registered", "sole")
    for name in ("name", "legal_form", "registered_office", "status", "representation"):
        said = entry[name]
        assert (said["source"], said["basis"]) == ("SILD/GOV/70000012/business", "ÄRS § 3"), name
        assert said["valid_from"] == LANDLORD.founded.isoformat()
    assert board(entry) == {person.code for person, _since in LANDLORD.board}
    assert {member["role"] for member in entry["board"]} == {"management_board_member"}
    facts = business.value(f"/companies/{LANDLORD.code}/facts?history=true", user=MACHINE)["items"]
    assert {fact["concept"] for fact in facts} >= {"company.name", "company.board"}


def seats(business: Asker, person: str, query: str = "") -> list[dict[str, Any]]:
    items = business.value(f"/persons/{person}/facts{query}", user=f"EE{person}")["items"]
    return [one for one in items if one["concept"] == "person.board_membership"]


def test_a_person_sees_their_seats_and_the_company_who_looked(business: Asker) -> None:
    (seat,) = seats(business, MEMBER)
    assert (seat["concept"], seat["text"]) == ("person.board_membership", "Kodumaja OÜ (10001012)")
    business.value(f"/persons/{MEMBER}/companies", user=MACHINE)
    for whose in (f"EE{MEMBER}", f"EE{LANDLORD.code}"):
        used = business.value(f"/findUsage?userCode={whose}")["usages"]
        assert used[0]["action"] == "Which companies the person represents was looked up"
    own = {"user": f"EE{MEMBER}", "X_Road_Represented_Party": f"EE{LANDLORD.code}"}
    business.value(f"/companies/{LANDLORD.code}/facts", **own)
    used = business.value(f"/findUsage?userCode=EE{LANDLORD.code}")["usages"]
    assert used[0]["extension"]["acting"] == "self", "of a company, whoever acts for it"


def test_who_represents_alone_and_who_only_with_others(register: BusinessRegister) -> None:
    (right,) = register.rights_of(MEMBER, USAGE)
    assert (right.company, right.right, right.status) == (LANDLORD.code, "sole", "registered")
    with register.kernel.used("getCompaniesOf", USAGE) as use:
        fact = use.facts.fact(LANDLORD.code, "representation", on=use.today)
        assert fact is not None
        use.facts.record(
            LANDLORD.code, "representation", "joint", valid_from=use.today, provenance=fact.provenance
        )
    assert [one.right for one in register.rights_of(MEMBER, USAGE)] == ["joint"]


def test_struck_off_at_once_and_known_as_it_was(register: BusinessRegister, business: Asker) -> None:
    path = f"/companies/{LANDLORD.code}/board-members/{MEMBER}/end"
    refused(business.post(path, {}, user=MACHINE), 403, "officials_only")  # of another body
    for _ in range(2):
        left = business.done(path, {}, 200, id="once", **REGISTRARS)
        assert MEMBER not in board(left) and len(left["board"]) == 2
    assert register.rights_of(MEMBER, USAGE) == []
    refused(business.post(path, {}, **REGISTRARS), 409, "not_a_member")
    yesterday = register.kernel.today - timedelta(days=1)
    assert MEMBER in board(business.value(f"/companies/{LANDLORD.code}?on={yesterday}", user=MACHINE))
    assert not seats(business, MEMBER)
    history = seats(business, MEMBER, "?history=true")
    assert [one["valid_to"] for one in history if "valid_to" in one] == [register.kernel.today.isoformat()]
    body = {"person": MEMBER, "name": "Kes Tuli Tagasi"}
    again = business.done(f"/companies/{LANDLORD.code}/board-members", body, **REGISTRARS)
    assert MEMBER in board(again)
    assert [one.seat.valid_from for one in register.rights_of(MEMBER, USAGE)] == [register.kernel.today]


def test_by_the_registrars_official_proved_and_not_about_themselves(business: Asker) -> None:
    path = f"/companies/{LANDLORD.code}/board-members"
    new = {"person": SOMEBODY, "name": "Uus Liige"}
    registrar = LogIn(roles=[("registrar", "70000012")])
    refused(business.post(path, new, user=OFFICIAL, login=registrar), 403, "officials_only")  # their own seat
    other = "EE49001010005"
    refused(business.post(path, new, user=other, login=None), 403, "acting_not_proven")
    refused(
        business.post(path, new, user=other, login=replace(registrar, posture="unmanaged")),
        403,
        "officials_only",
    )
    refused(business.post(path, new, user=other), 403, "officials_only")  # an official of another body
    assert SOMEBODY in board(business.done(path, new, user=other, login=registrar))
    refused(business.post(path, new, user=other, login=registrar), 409, "already_a_member")
    refused(business.post(f"{path}/{MEMBER}/end", {}, user=f"EE{MEMBER}"), 403, "officials_only")


def test_a_seat_is_disputed_and_an_official_says_there_is_none(
    register: BusinessRegister, business: Asker
) -> None:
    (seat,) = seats(business, MEMBER)
    opened = business.done(f"/facts/{seat['fact']}/dispute", {"reason": "ei ole"}, user=f"EE{MEMBER}")
    answer = {"text": "0", "reason": "Kohtumäärus 2-26-1"}
    business.done(f"/disputes/{opened['id']}/correction", answer, user="EE49001010005")
    assert register.rights_of(MEMBER, USAGE) == []
    assert MEMBER not in board(business.value(f"/companies/{LANDLORD.code}", user=MACHINE))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/companies/{MEMBER}", 400, "invalid_company_code"),
        ("/companies/10001013", 400, "invalid_company_code"),
        ("/companies/80001012", 400, "invalid_company_code"),
        ("/companies/0100001015", 400, "invalid_company_code"),
        ("/companies/12345678", 404, "unknown_company"),
        (f"/persons/{LANDLORD.code}/companies", 400, "invalid_identity_code"),
        (f"/persons/{LANDLORD.code}/facts", 400, "invalid_identity_code"),
    ],
)
def test_a_companys_code_is_nobodys(business: Asker, path: str, status: int, code: str) -> None:
    refused(business.get(path, user=MACHINE), status, code)


def test_codes_of_companies_and_of_people_never_fit_one_another() -> None:
    people = synthetic_people(PEOPLE)
    assert len({one.code for one in COMPANIES}) == len(COMPANIES)
    assert len({one.name for one in COMPANIES}) == len(COMPANIES)
    for company in COMPANIES:
        assert parse_company_code(company.code).country == company.country
        with pytest.raises(InvalidIdentityCode):
            parse_identity_code(company.code)
    for person in people:
        with pytest.raises(InvalidCompanyCode):
            parse_company_code(person.code)


@pytest.mark.parametrize(
    ("party", "principal"),
    [
        ("EE10001012", "10001012"),
        ("COM/EE10001012", "10001012"),
        ("VN0100001014", "0100001014"),
        ("EE0100001014", "EE0100001014"),  # a company of Viet Nam with another country before it
        ("LT123456789", "LT123456789"),
    ],
)
def test_who_is_represented_may_be_a_company(party: str, principal: str) -> None:
    assert Usage("c", "m", user_id="EE38001085718", represented_party=party).principal == principal


def test_a_deleted_company_gets_no_board(register: BusinessRegister) -> None:
    with register.kernel.used("test", USAGE) as use:
        fact = use.facts.fact(LANDLORD.code, "status", on=use.today)
        assert fact is not None
        use.facts.record(LANDLORD.code, "status", "deleted", valid_from=use.today, provenance=fact.provenance)
    with pytest.raises(CallerError) as caught:
        register.enter(LANDLORD.code, SOMEBODY, "Uus Liige", USAGE)
    assert caught.value.code == "company_is_deleted"


# --- shares

OTHER = COMPANIES[1]
SHARE = {"holder": SOMEBODY, "name": "Jaan Tamm"}


def test_shares_are_facts_with_days_and_never_more_than_the_whole(business_in_either: Asker) -> None:
    business, path = business_in_either, f"/companies/{LANDLORD.code}/shareholders"
    held = business.value(path)["items"]
    assert {one["code"] for one in held} == {person.code for person, _since in LANDLORD.board}
    assert {one["share"] for one in held} == {f"1/{len(held)}"} and held[0]["source"] == SYSTEM.strip("/")
    refused(business.post(path, {**SHARE, "share": "1/2"}, **REGISTRARS), 409, "too_many_shares")
    for one in held:
        gone = {"holder": one["code"], "name": one["name"], "share": None}
        business.done(path, gone, **REGISTRARS)
    entered = business.done(path, {**SHARE, "share": "2/3"}, id="share-1", **REGISTRARS)["items"]
    assert [(one["code"], one["share"]) for one in entered] == [(SOMEBODY, "2/3")]
    again = business.done(path, {**SHARE, "share": "2/3"}, id="share-1", **REGISTRARS)["items"]
    assert again == entered, "the same message"
    before = business.value(f"{path}?on=2026-01-01")["items"]
    assert len(before) == len(held), "who held it then"
    facts = business.value(f"/persons/{SOMEBODY}/facts", user=f"EE{SOMEBODY}")["items"]
    assert any(fact["concept"] == "person.shareholding" and "2/3" in fact["text"] for fact in facts)


def test_what_somebody_holds_through_companies_is_followed_and_a_ring_ends(business: Asker) -> None:
    third = next(one for one in COMPANIES[2:] if one.country == "EE" and one.status == "registered")
    for company in (LANDLORD, OTHER, third):
        for person, _since in company.board:
            gone = {"holder": person.code, "name": "x", "share": None}
            business.done(f"/companies/{company.code}/shareholders", gone, **REGISTRARS)
    chain = ((SOMEBODY, LANDLORD), (LANDLORD.code, OTHER), (OTHER.code, third), (third.code, LANDLORD))
    for holder, company in chain:
        share = {"holder": holder, "name": "x", "share": "1/2"}
        business.done(f"/companies/{company.code}/shareholders", share, **REGISTRARS)
    found = business.value(f"/persons/{SOMEBODY}/holdings")["items"]
    assert [(one["company"], one.get("through")) for one in found] == [
        (LANDLORD.code, None), (OTHER.code, LANDLORD.code), (third.code, OTHER.code),
    ]  # fmt: skip
    own = {"holder": LANDLORD.code, "name": "x", "share": "1/2"}
    refused(business.post(f"/companies/{LANDLORD.code}/shareholders", own, **REGISTRARS), 409, "holds_itself")


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"share": "3/2"}, 400, "not_a_share"),
        ({"share": "0/1"}, 400, "bad_request"),
        ({"share": "1/0"}, 400, "bad_request"),
        ({"share": "0.5"}, 400, "bad_request"),
        ({"share": "1/2", "holder": "nobody"}, 400, "invalid_identity_code"),
    ],
)
def test_shares_that_are_none(business: Asker, said: dict[str, str], status: int, code: str) -> None:
    path = f"/companies/{LANDLORD.code}/shareholders"
    refused(business.post(path, {**SHARE, **said}, **REGISTRARS), status, code)


def test_nobody_but_the_registrar_enters_shares_and_no_official_their_own(business: Asker) -> None:
    path, share = f"/companies/{LANDLORD.code}/shareholders", {**SHARE, "share": "1/9"}
    for said in (
        {"user": MACHINE},
        {"user": OFFICIAL},
        {"user": OFFICIAL, "login": None},
        {"user": f"EE{MEMBER}"},
    ):
        assert business.post(path, share, **said).status == 403, said
