"""Mandates: chosen after log-in, proved in the token, kept by Pääsuke's interface, gone at once when they are gone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from authlib.integrations.base_client.errors import OAuthError

from sild.errors import CallerError, Unavailable
from sild.identity_provider import NotAllowed
from sild.identity_provider.rights import _knows_nobody
from sild.openid import Party
from support.identity_world import (
    CHILD,
    FIRM,
    MARI,
    MARI_PARTY,
    SECRET,
    Register,
    World,
    board_of,
    listening_service,
    parent_of,
)

REGISTER = ("register", SECRET)
JAAN = Party("NATURAL_PERSON", "EE37001010021", first_name="Jaan", surname="Kask")
ANU = Party("NATURAL_PERSON", "EE48001010022", first_name="Anu", surname="Pihlak")


def accountant(world: World, delegate: Party = MARI_PARTY, **values: Any) -> str:
    world.register.rights.append(board_of(JAAN, FIRM))
    return world.provider.mandates.add(FIRM, delegate, "EMTA:ACCOUNTANT", actor=JAAN.identifier, **values).id


def test_chosen_on_a_page_and_proved_in_the_token(world: World) -> None:
    world.register.rights.append(parent_of(MARI_PARTY, CHILD))
    mandate = accountant(world)
    browser, service = world.browser(), world.service()
    page = browser.as_test_person(browser.open(service.url(scope="openid representee", ui_locales="en")))
    assert "Whom do you act for?" in page.text
    assert "Leida Maasikas" in page.text and "as a parent" in page.text
    assert "Väikefirma OÜ" in page.text and "Accountant" in page.text
    tokens = service.tokens(browser.submit(page, "/representee", representee=FIRM.identifier))
    told = service.claims(tokens)["representee"]
    assert told["status"] == "REQUESTED_REPRESENTEE_CURRENT"
    assert (told["sub"], told["type"], told["name"]) == (FIRM.identifier, "LEGAL_PERSON", "Väikefirma OÜ")
    (proved,) = told["mandates"]
    assert (proved["id"], proved["role"]) == (mandate, "EMTA:ACCOUNTANT")
    assert len(proved["chain_hash"]) == 64
    assert service.claims(tokens, "access_token")["representee"] == told


def test_a_silent_register_stops_nobody_whose_right_another_knows(world: World) -> None:
    """A parent acts for the child while the register of boards is away; the page says that somebody may be missing."""
    companies = Register("business", [board_of(MARI_PARTY, FIRM)])
    mandates = world.provider.mandates
    mandates._sources["business"] = companies
    world.register.rights.append(parent_of(MARI_PARTY, CHILD))
    companies.down = True
    browser, service = world.browser(), world.service()
    page = browser.as_test_person(browser.open(service.url(scope="openid representee", ui_locales="en")))
    assert "Leida Maasikas" in page.text and "A register does not answer" in page.text
    assert "Väikefirma OÜ" not in page.text
    chosen = service.tokens(browser.submit(page, "/representee", representee=CHILD.identifier))
    assert service.claims(chosen)["representee"]["sub"] == CHILD.identifier
    assert mandates.add(CHILD, JAAN, "EMTA:ACCOUNTANT", actor=MARI_PARTY.identifier)
    for asks in (
        lambda: mandates.chains_of(MARI_PARTY.identifier),
        lambda: mandates.chains_of(MARI_PARTY.identifier, representee=FIRM.identifier),
        lambda: mandates.add(FIRM, JAAN, "EMTA:ACCOUNTANT", actor=MARI_PARTY.identifier),
    ):
        with pytest.raises(Unavailable):
            asks()
    companies.down = False
    assert mandates.representation(MARI_PARTY.identifier, FIRM.identifier) is not None


def test_a_power_of_attorney_counts_while_whoever_gave_it_stands(world: World) -> None:
    mandates = world.provider.mandates
    accountant(world)
    service = world.service()
    tokens = service.log_in(world.browser(), scope=f"openid representee.{FIRM.identifier}")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert world.get("/userinfo", headers=bearer).status_code == 200
    world.register.down = True
    with pytest.raises(Unavailable):
        mandates.representation(MARI_PARTY.identifier, FIRM.identifier)
    world.register.down = False
    world.register.ended.add(FIRM.identifier)  # deleted
    assert world.get("/userinfo", headers=bearer).status_code == 401
    assert mandates.chains_of(MARI_PARTY.identifier) == []
    assert mandates.given_by(FIRM.identifier), "it is there to be withdrawn"


def test_what_a_parent_gave_in_a_childs_name_counts_while_they_are_the_parent(world: World) -> None:
    mandates = world.provider.mandates
    world.register.rights.append(parent_of(JAAN, CHILD))
    mandates.add(CHILD, MARI_PARTY, "EMTA:ACCOUNTANT", actor=JAAN.identifier)
    assert mandates.representees_of(MARI_PARTY.identifier) == [CHILD]
    world.register.rights.clear()  # a court took custody away, or the child came of age
    assert mandates.representees_of(MARI_PARTY.identifier) == []
    assert mandates.representation(MARI_PARTY.identifier, CHILD.identifier) is None
    world.register.rights.append(parent_of(JAAN, CHILD))
    assert mandates.representees_of(MARI_PARTY.identifier) == [CHILD]
    world.register.rights.clear()
    world.register.rights.append(board_of(JAAN, FIRM))
    mandates.add(FIRM, MARI_PARTY, "EMTA:ACCOUNTANT", actor=JAAN.identifier)
    world.register.rights.clear()
    assert mandates.representees_of(MARI_PARTY.identifier) == [FIRM], "a company's is the company's own"


@pytest.mark.parametrize(
    ("problem", "known"),
    [
        ({"type": "urn:sild:registers:unknown_person"}, True),
        ({"type": "urn:sild:registers:unknown_company"}, True),
        ({"detail": "Not Found"}, False),
        ({"type": "urn:sild:registers:not_found"}, False),
        ([], False),
        (None, False),
    ],
)
def test_a_404_of_anything_else_is_no_word_about_anybody(problem: object, known: bool) -> None:
    assert _knows_nobody(problem) is known


def test_for_oneself(world: World) -> None:
    world.register.rights.append(parent_of(MARI_PARTY, CHILD))
    browser, service = world.browser(), world.service()
    page = browser.as_test_person(browser.open(service.url(scope="openid representee")))
    assert "representee" not in service.claims(service.tokens(browser.submit(page, "/representee")))


def test_nobody_is_asked_who_acts_for_nobody(world: World) -> None:
    service = world.service()
    assert "representee" not in service.claims(service.log_in(world.browser(), scope="openid representee"))


def test_named_by_the_service_and_changed_without_a_log_in(world: World) -> None:
    world.register.rights.append(parent_of(MARI_PARTY, CHILD))
    accountant(world)
    browser, service = world.browser(), world.service()
    wanted = f"openid representee representee_list representee.{CHILD.identifier}"
    tokens = service.log_in(browser, scope=wanted)
    claims = service.claims(tokens)
    assert claims["representee"]["given_name"] == "Leida"
    listed = claims["representee_list"]["list"]
    assert [one["sub"] for one in listed] == [CHILD.identifier, FIRM.identifier]
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"],
            "scope": f"openid representee representee.{FIRM.identifier}"}  # fmt: skip
    switched = world.post("/token", auth=("service", SECRET), data=form).json()
    assert service.claims(switched)["representee"]["sub"] == FIRM.identifier
    old = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert world.get("/userinfo", headers=old).status_code == 401


def test_nobody_acts_for_strangers(world: World) -> None:
    browser, service = world.browser(), world.service()
    page = browser.as_test_person(browser.open(service.url(scope=f"openid representee.{FIRM.identifier}")))
    assert page.query["error"] == "access_denied"
    world.register.rights.append(parent_of(MARI_PARTY, CHILD))
    other = world.service()
    page = browser.open(other.url(scope="openid representee"))
    tampered = browser.submit(page, "/representee", representee=FIRM.identifier)
    assert tampered.query["error"] == "access_denied"


def test_withdrawn_in_the_middle_of_a_session(world: World) -> None:
    with listening_service() as (address, told):
        scopes = ("openid", "representee")
        world.add_client(
            "service", scopes=scopes, refresh_tokens=True, backchannel_logout_uri=address, introspection=True
        )
        mandate = accountant(world)
        browser, service = world.browser(), world.service()
        tokens = service.log_in(browser, scope=f"openid representee.{FIRM.identifier}")
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert world.get("/userinfo", headers=bearer).json()["representee"]["sub"] == FIRM.identifier
        assert world.provider.mandates.withdraw(mandate, actor=JAAN.identifier) == 1
        assert world.get("/userinfo", headers=bearer).status_code == 401
        active = world.post(
            "/introspect", auth=("service", SECRET), data={"token": tokens["access_token"]}
        ).json()
        assert active == {"active": False}
        with pytest.raises(OAuthError, match="invalid_grant"):
            service.oauth.refresh_token(service.metadata["token_endpoint"])
        assert world.provider.maintain() == 1
        assert len(told) == 1  # the service is told, and the person goes on as themselves elsewhere
        assert browser.open(world.service().url()).query["code"]


def test_a_right_that_ends_in_its_register(world: World) -> None:
    world.register.rights.append(parent_of(MARI_PARTY, CHILD, through=date(2026, 11, 23)))
    service = world.service()
    tokens = service.log_in(world.browser(), scope=f"openid representee.{CHILD.identifier}")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert world.get("/userinfo", headers=bearer).status_code == 200
    world.register.rights.clear()  # the court took it away
    assert world.get("/userinfo", headers=bearer).status_code == 401


def test_a_last_day_ends_at_midnight_in_the_country(world: World) -> None:
    accountant(world, valid_through=date(2026, 11, 22))
    world.clock.forward(hours=9, minutes=59)  # 23:59 in Tallinn
    assert world.provider.mandates.representees_of(MARI.subject) == [FIRM]
    world.clock.forward(minutes=1)
    assert world.provider.mandates.representees_of(MARI.subject) == []


def test_passed_on_within_its_limits(world: World) -> None:
    mandates = world.provider.mandates
    first = accountant(world, JAAN, depth=1, valid_through=date(2027, 1, 31))
    second = mandates.sub_delegate(first, MARI_PARTY, actor=JAAN.identifier)
    assert second.valid_through == date(2027, 1, 31)
    (chain,) = mandates.chains_of(MARI.subject)
    assert [link.id for link in chain] == [first, second.id]
    with pytest.raises(CallerError, match="further"):
        mandates.sub_delegate(second.id, ANU, actor=MARI.subject)
    with pytest.raises(CallerError, match="longer"):
        mandates.sub_delegate(first, ANU, actor=JAAN.identifier, valid_through=date(2027, 2, 1))
    with pytest.raises(NotAllowed):
        mandates.sub_delegate(first, ANU, actor=MARI.subject)
    with pytest.raises(CallerError, match="natural"):
        mandates.sub_delegate(first, FIRM, actor=JAAN.identifier)
    long = accountant(world, JAAN, depth=2)
    onward = mandates.sub_delegate(long, ANU, actor=JAAN.identifier, depth=1)
    for number, holder in ((long, JAAN), (onward.id, ANU)):  # to oneself, and back to whom it came from
        with pytest.raises(CallerError, match="a part in"):
            mandates.sub_delegate(number, JAAN, actor=holder.identifier)


def test_a_chain_breaks_when_its_first_link_does(world: World) -> None:
    mandates = world.provider.mandates
    first = accountant(world, JAAN, depth=2)
    second = mandates.sub_delegate(first, ANU, actor=JAAN.identifier, depth=1)
    third = mandates.sub_delegate(second.id, MARI_PARTY, actor=ANU.identifier)
    service = world.service()
    tokens = service.log_in(world.browser(), scope=f"openid representee.{FIRM.identifier}")
    assert mandates.withdraw(first, actor=JAAN.identifier) == 1
    assert mandates.status(third.id)[1] == "withdrawn"
    assert mandates.representees_of(MARI.subject) == []
    assert (
        world.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}).status_code
        == 401
    )


def test_a_link_spoilt_in_the_database_proves_nothing(world: World) -> None:
    from sqlalchemy import update

    from sild.identity_provider.tables import mandate

    first = accountant(world, JAAN, depth=1)
    second = world.provider.mandates.sub_delegate(first, MARI_PARTY, actor=JAAN.identifier)
    with world.provider._store.change() as change:
        change.connection.execute(
            update(mandate).where(mandate.c.id == second.id).values(role="STAT:RESPONDENT")
        )
    assert world.provider.mandates.chains_of(MARI.subject) == []


def test_who_may_give_and_withdraw(world: World) -> None:
    mandates = world.provider.mandates
    with pytest.raises(NotAllowed):
        mandates.add(FIRM, MARI_PARTY, "EMTA:ACCOUNTANT", actor=MARI.subject)
    given = accountant(world)
    with pytest.raises(NotAllowed):
        mandates.withdraw(given, actor=ANU.identifier)
    with pytest.raises(CallerError, match="no such role"):
        mandates.add(FIRM, MARI_PARTY, "EMTA:KING", actor=JAAN.identifier)
    with pytest.raises(CallerError, match="far"):
        mandates.add(FIRM, MARI_PARTY, "STAT:RESPONDENT", actor=JAAN.identifier, depth=1)
    past = world.clock().date() - timedelta(days=1)
    with pytest.raises(CallerError, match="past"):
        mandates.add(FIRM, MARI_PARTY, "EMTA:ACCOUNTANT", actor=JAAN.identifier, valid_through=past)
    assert mandates.withdraw(given, actor=MARI.subject) == 0  # the holder waives it


# --- the interface


def person(party: Party) -> dict[str, str | None]:
    if party.type == "LEGAL_PERSON":
        return {"type": party.type, "identifier": party.identifier, "legalName": party.legal_name}
    return {
        "type": party.type,
        "identifier": party.identifier,
        "firstName": party.first_name,
        "surname": party.surname,
    }


def test_given_listed_passed_on_and_withdrawn_by_an_information_system(world: World) -> None:
    world.register.rights.append(board_of(JAAN, FIRM))
    base = f"/v1/nss/EMTA/representees/{FIRM.identifier}/delegates"
    by = [{"userIdentifier": JAAN.identifier, "hasRole": "BR_REPRIGHT:SOLEREP"}]
    body = {"representee": person(FIRM), "delegate": person(ANU), "authorizations": by,
            "mandate": {"role": "EMTA:ACCOUNTANT", "canSubDelegate": True,
                        "validityPeriod": {"from": "2026-11-22", "through": "2027-11-22"}}}  # fmt: skip
    address = f"{base}/{ANU.identifier}/mandates"
    made = world.post(address, auth=REGISTER, json=body)
    assert made.status_code == 201
    links = made.json()["links"]
    triplets = world.get(f"/v1/representees/{FIRM.identifier}/delegates/mandates", auth=REGISTER).json()
    assert triplets[0]["delegate"]["surname"] == "Pihlak"
    assert triplets[0]["mandates"][0]["validityPeriod"] == {"from": "2026-11-22", "through": "2027-11-22"}
    passed = {"subDelegate": person(MARI_PARTY), "authorizations": [{"userIdentifier": ANU.identifier}]}
    on = world.post(links["addSubDelegate"], auth=REGISTER, json=passed)
    assert on.status_code == 201
    assert world.get(f"/v1/delegates/{MARI.subject}/representees", auth=REGISTER).json() == [person(FIRM)]
    between = f"/v1/representees/{FIRM.identifier}/delegates/{MARI.subject}/mandates"
    assert world.get(between, auth=REGISTER).json()[0]["mandates"][0]["role"] == "EMTA:ACCOUNTANT"
    status = f"/mandates/{on.json()['id']}"
    assert world.get(status, auth=REGISTER).json()["status"] == "valid"
    gone = requests_put(world, links["delete"], {"action": "DELETE", "authorizations": by})
    assert gone == 200
    assert world.get(status, auth=REGISTER).json()["status"] == "withdrawn"
    assert world.get(f"/v1/delegates/{MARI.subject}/representees/mandates", auth=REGISTER).json() == []
    assert {role["code"] for role in world.get("/v1/roles", auth=REGISTER).json()} == {
        "EMTA:ACCOUNTANT",
        "STAT:RESPONDENT",
    }


def requests_put(world: World, path: str, body: dict[str, Any]) -> int:
    import requests

    return requests.put(
        world.issuer + path, json=body, auth=REGISTER, verify=str(world.ca_file), timeout=10
    ).status_code


def test_who_may_use_the_interface(world: World) -> None:
    address = f"/v1/delegates/{MARI.subject}/representees"
    assert world.get(address).status_code == 401
    assert world.get(address, auth=("service", SECRET)).status_code == 403
    given = accountant(world)
    stat = f"/v1/nss/STAT/representees/{FIRM.identifier}/delegates/{MARI.subject}/mandates/{given}"
    assert (
        requests_put(world, stat, {"action": "DELETE", "authorizations": [{"userIdentifier": MARI.subject}]})
        == 403
    )
    emta = stat.replace("STAT", "EMTA").replace(MARI.subject, ANU.identifier)
    assert (
        requests_put(world, emta, {"action": "DELETE", "authorizations": [{"userIdentifier": MARI.subject}]})
        == 404
    )
    assert requests_put(world, stat.replace("STAT", "EMTA"), {"action": "EXTEND"}) == 400
    assert world.get("/mandates/none", auth=REGISTER).status_code == 404
