"""Dwellings of a company: what the register tells of them, and what it takes from whoever acts for it."""

from __future__ import annotations

import pytest

from sild.registries import ResidenceRegister
from sild.registries.kernel import Usage
from sild.registries.residence.homes import owned_by, residents_of
from sild.registries.synthetic.homes import COMPANIES

from ..asking import OFFICIAL, Asker, refused
from ..conftest import SetClock

(LANDLORD, NAME), (OTHER, _) = COMPANIES["EE"]
MEMBER = "EE49001010005"
FOR = {"user": MEMBER, "X_Road_Represented_Party": f"EE{LANDLORD}"}
USAGE = Usage("SILD/GOV/70000006/residence", "m-1", user_id="automatic", basis="RRS § 95")


@pytest.fixture
def either_url() -> None:
    """One kind of database is enough here."""


def rented(homes: ResidenceRegister) -> tuple[str, str]:
    """A dwelling of the company, and somebody who lives there."""
    with homes.kernel.used("test", USAGE) as use:
        for owned in owned_by(use, LANDLORD):
            for fact in residents_of(use, owned.entity, on=use.today):
                if fact.entity.startswith(("3", "4")):
                    return owned.entity, fact.entity
    raise AssertionError("the company lets nobody live anywhere")


def test_what_a_company_owns_and_who_looked(residence: Asker) -> None:
    owned = residence.value(f"/companies/{LANDLORD}/dwellings", **FOR)["items"]
    facts = residence.value(f"/companies/{LANDLORD}/facts?history=true", **FOR)["items"]
    assert owned and {one["dwelling"] for one in owned} == {fact["entity"] for fact in facts}
    assert {fact["concept"] for fact in facts} == {"company.dwellings"}
    owners = residence.value(f"/dwellings/{owned[0]['dwelling']}/owners")["items"]
    assert [(one["kind"], one["code"], one["name"]) for one in owners] == [("company", LANDLORD, NAME)]
    used = residence.value(f"/findUsage?userCode=EE{LANDLORD}")["usages"]
    assert [one["extension"]["acting"] for one in used] == ["person", "self", "self"]
    for path in ("dwellings", "facts"):
        refused(residence.get(f"/companies/{MEMBER[2:]}/{path}"), 400, "invalid_company_code")
    refused(residence.get(f"/persons/{LANDLORD}/dwellings"), 400, "invalid_identity_code")


def test_a_removal_is_asked_for_and_its_decision_read_in_the_companys_name(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    dwelling, person = rented(homes)
    asked = {"person": person, "dwelling": dwelling, "owner": LANDLORD}
    refused(residence.post("/removals", asked, user=MEMBER), 403, "not_an_owner")
    refused(residence.post("/removals", asked, user=MEMBER, X_Road_Represented_Party=f"EE{OTHER}"), 403, "not_an_owner")  # fmt: skip
    removal = residence.done("/removals", asked, **FOR)
    hand_clock.forward(days=31)
    body = {"decision": "REMOVED", "reason": "Naabrid kinnitasid.", "heard": True}
    record = residence.done(f"/removals/{removal['id']}/decision", body, 200, user=OFFICIAL)["record"]
    (line,) = residence.value(f"/persons/{LANDLORD}/decisions", **FOR)["items"]
    assert line["id"] == record
    assert residence.value(f"/decisions/{record}", **FOR)["opened"]
    for other in ({"user": MEMBER}, {**FOR, "X_Road_Represented_Party": f"EE{OTHER}"}):
        assert not residence.value(f"/decisions/{record}", **other)["opened"]
        contest = {"contest": "case-c", "line": "person"}
        refused(residence.post(f"/decisions/{record}/contests", contest, **other), 403, "not_about_you")
    residence.done(f"/decisions/{record}/contests", contest, **FOR)
