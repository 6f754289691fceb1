"""Token exchange (RFC 8693): the provider's word about who acts in a case, for registers that check it by the published keys."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from sild.errors import CallerError
from sild.openid import (
    ACCESS_TOKEN,
    ACTING_TOKEN,
    TOKEN_EXCHANGE,
    ActedFor,
    ActingPerson,
    CaseAccess,
    RecordedMandate,
    parse_jwks,
    verify_acting,
    verify_applied,
)
from sild.registries.kernel.usage import Spoken, Usage
from support.identity_world import CALLBACK, MARI, MARI_PARTY, SECRET, World, parent_of
from support.identity_world import CHILD as LEIDA

CHILD = LEIDA.identifier
PORTAL, SOCIAL = "SILD/GOV/70000001/portal", "SILD/GOV/70000004/social"
TAX = "70000349"
ACT = CaseAccess("case-7", (SOCIAL,), "act")


def tokens_of(world: World, *, client: str = "portal", scope: str = "openid official") -> dict[str, Any]:
    """Of an official who logged in by card, at a device nobody registered."""
    world.provider.add_official_role(MARI.subject, "inspector", TAX)
    service, browser = world.service(client), world.browser()
    page = browser.by_card(browser.open(service.url(scope=scope)), world.card())
    if page.path.endswith("/device"):
        page = browser.submit(page, "/unmanaged")
    return service.tokens(page)


def exchange(world: World, token: str, details: Any = ACT.to_json(), *, client: str = "portal", **more: str) -> requests.Response:  # fmt: skip
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN,
        "authorization_details": json.dumps(details),
        **more,
    }
    return world.post("/token", auth=(client, SECRET), data=form)


def verified(world: World, token: str, **other: Any) -> ActingPerson:
    message = {
        "register": SOCIAL,
        "system": PORTAL,
        "person": MARI.subject,
        "case": "case-7",
        "represented": None,
    }
    keys = parse_jwks(world.get("/jwks").json())
    return verify_acting(token, keys, issuer=world.issuer, **{"at": world.clock(), **message, **other})


@pytest.fixture(autouse=True)
def portal(world: World) -> None:
    for client, system in (("portal", PORTAL), ("other-portal", "SILD/GOV/70000009/portal")):
        world.add_client(
            client, redirect_uris=(CALLBACK,), scopes=("openid", "official"), system=system,
            registers=(SOCIAL, "SILD/GOV/70000002/population"), refresh_tokens=True,
        )  # fmt: skip


def test_who_acts_in_a_case(world: World) -> None:
    answer = exchange(world, tokens_of(world)["access_token"]).json()
    assert (answer["issued_token_type"], answer["token_type"]) == (ACTING_TOKEN, "N_A")
    person = verified(world, answer["access_token"])
    assert (person.subject, person.level, person.posture) == (MARI.subject, "high", "unmanaged")
    assert person.roles == (("inspector", TAX),) and person.action == "act" and not person.is_official
    assert answer["expires_in"] == timedelta(days=7).total_seconds()
    saying = CaseAccess("case-7", (SOCIAL,), "act", ("acceptOffer",)).to_json()
    said = exchange(world, tokens_of(world)["access_token"], saying).json()
    assert said["expires_in"] == timedelta(days=90).total_seconds(), "it may wait for others"
    assert verified(world, said["access_token"]).operations == ("acceptOffer",)
    look = exchange(
        world, tokens_of(world)["access_token"], CaseAccess("case-7", (SOCIAL,), "look").to_json()
    )
    assert look.json()["expires_in"] == 300
    assert verified(world, look.json()["access_token"]).action == "look"


def test_it_is_no_access_token(world: World) -> None:
    token = exchange(world, tokens_of(world)["access_token"]).json()["access_token"]
    assert world.get("/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert exchange(world, token).json()["error"] == "invalid_grant", "nor to be exchanged again"


def test_who_gets_none(world: World) -> None:
    token = tokens_of(world)["access_token"]
    assert exchange(world, token, client="service").json()["error"] == "unauthorized_client"
    assert exchange(world, token, client="other-portal").json()["error"] == "invalid_grant", (
        "another's log-in"
    )
    assert exchange(world, "x" * 50).json()["error"] == "invalid_grant"
    elsewhere = CaseAccess("case-7", ("SILD/GOV/70000099/social",), "act").to_json()
    assert exchange(world, token, elsewhere).json()["error"] == "invalid_target"
    for wrong in ([], {}, "x", [{}], ACT.to_json() * 2, [{**ACT.to_json()[0], "actions": ["act", "look"]}],
                  [{**ACT.to_json()[0], "locations": []}], [{**ACT.to_json()[0], "identifier": ""}],
                  [{**ACT.to_json()[0], "privileges": "acceptOffer"}], [{**ACT.to_json()[0], "privileges": [7]}]):  # fmt: skip
        assert exchange(world, token, wrong).json()["error"] == "invalid_authorization_details", wrong
    assert exchange(world, token, subject_token_type="urn:x").json()["error"] == "invalid_request"
    assert exchange(world, token, actor_token="x").json()["error"] == "invalid_request"


def test_what_has_ended_is_vouched_for_no_more(world: World) -> None:
    """A role that is withdrawn, and a log-in that is over by time."""
    tokens = tokens_of(world)
    assert exchange(world, tokens["access_token"]).status_code == 200
    role = world.provider.add_official_role(MARI.subject, "judge", TAX)
    world.provider.withdraw_official_role(role)
    assert exchange(world, tokens["access_token"]).json()["error"] == "invalid_grant"
    again = tokens_of(world)
    world.clock.forward(seconds=331)
    assert exchange(world, again["access_token"]).json()["error"] == "invalid_grant"


def test_a_key_is_published_as_long_as_an_act_may_come(world: World) -> None:
    """Who acted just before a key went out of use is believed a week later, and not when the key was withdrawn."""
    keys = world.provider.keys
    token = exchange(world, tokens_of(world)["access_token"]).json()["access_token"]
    keys.rotate()
    for _ in range(2):
        world.clock.forward(hours=2)
        keys.maintain()
    world.clock.forward(days=6, hours=19)
    keys.maintain()
    assert verified(world, token).subject == MARI.subject
    keys.rotate(compromised=True)
    with pytest.raises(Exception, match="key is not known"):
        verified(world, token)


def test_a_parent_speaks_for_several_children_by_the_mandate_of_each(world: World) -> None:
    """Of whom nothing gives them a right, nothing is said; whatever is named twice is said once."""
    sister = replace(LEIDA, identifier="EE62501010028", first_name="Liis")
    rights = [parent_of(MARI_PARTY, LEIDA), replace(parent_of(MARI_PARTY, sister), id="parent-2")]
    world.register.rights.extend(rights)
    named = ("EE61903020009", CHILD, sister.identifier, CHILD)
    wanted = replace(ACT, operations=("missPerson",), representees=named)
    token = exchange(world, tokens_of(world)["access_token"], wanted.to_json()).json()["access_token"]
    found = verified(world, token)
    every = (found.acted_for, *found.also_for)
    assert [(one.representee, one.mandate, one.basis) for one in every if one] == [
        (CHILD, "parent-1", "PARENT"),
        (sister.identifier, "parent-2", "PARENT"),
    ]
    assert found.representee is None, "they act in their own name"
    usage = Usage(PORTAL, "m-1", user_id=MARI.subject, spoken=Spoken.by(found))
    assert usage.own == {MARI.subject[2:], CHILD[2:], sister.identifier[2:]}
    assert replace(usage, user_id="EE38702030027").own == {"38702030027"}, "nobody else's word"


def test_for_whom_by_law_or_on_a_clerks_mandate(world: World) -> None:
    """A parent speaks for a child in their own name: the chain is the provider's own; of a clerk's mandate it says that a clerk named it."""
    world.register.rights.append(parent_of(MARI_PARTY, LEIDA))
    token = tokens_of(world)["access_token"]
    found = {}
    for child in (CHILD, "EE61903020009"):
        wanted = replace(ACT, operations=("wishPlace",), representees=(child,))
        found[child] = verified(world, exchange(world, token, wanted.to_json()).json()["access_token"])
    law = found[CHILD].acted_for
    assert law is not None and (law.representee, law.mandate, law.basis) == (CHILD, "parent-1", "PARENT")
    assert len(law.sha256) == 64 and found[CHILD].representee is None, "they act in their own name"
    assert found["EE61903020009"].acted_for is None, "nobody else's child"
    assert verified(world, exchange(world, token).json()["access_token"]).acted_for is None
    world.register.down = True
    wanted = replace(ACT, operations=("wishPlace",), representees=(CHILD,))
    silent = verified(world, exchange(world, token, wanted.to_json()).json()["access_token"])
    assert silent.acted_for is None, "they act all the same: whether they may is the register's to know"
    world.register.down = False
    recorded = RecordedMandate("assist-1", CHILD, "c" * 64)
    wanted = replace(ACT, mandate=recorded)
    token = exchange(world, tokens_of(world)["access_token"], wanted.to_json()).json()["access_token"]
    assert verified(world, token).acted_for is None, "an inspector is no clerk"
    world.provider.add_official_role(MARI.subject, "clerk", TAX)
    token = exchange(world, tokens_of(world)["access_token"], wanted.to_json()).json()["access_token"]
    with pytest.raises(CallerError, match="another representee"):
        verified(world, token, at_counter=True)  # for themselves: it is a clerk's
    keys, message = (
        parse_jwks(world.get("/jwks").json()),
        {"register": SOCIAL, "system": PORTAL, "case": "case-7"},
    )
    applied = verify_applied(token, keys, issuer=world.issuer, at=world.clock(), **message)
    assert applied.acted_for == ActedFor(CHILD, "assist-1", "c" * 64, "RECORDED")
    many = [f"EE{n}" for n in range(1_000, 1_020)]
    for further in ("EE61903020009", [7], ["x"], many):
        detail = {**ACT.to_json()[0], "representee": CHILD, "further_representees": further}
        answer = exchange(world, tokens_of(world)["access_token"], [detail])
        assert answer.json()["error"] == "invalid_authorization_details", further
    for wrong in ({"further_representees": [CHILD]}, {"representee": 7}, {"representee": "x"}, {"mandate": {}}, {"mandate": {**wanted.to_json()[0]["mandate"], "chain_hash": "x"}}):  # fmt: skip
        answer = exchange(world, tokens_of(world)["access_token"], [{**ACT.to_json()[0], **wrong}])
        assert answer.json()["error"] == "invalid_authorization_details", wrong
