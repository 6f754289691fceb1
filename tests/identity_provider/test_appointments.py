"""An auditor's mandate: it lets look and never act; nobody passes it on; other bodies ask for it over the exchange."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from sild.errors import CallerError
from sild.identity_provider import IdentityProvider, IdentityProviderSettings, mandates_door
from sild.openid import Party, parse_audit_scope
from support.asgi import serving
from support.audited import OFFICE, SCOPE
from support.identity_world import MARI, MARI_PARTY, Clock

OTHER = Party("NATURAL_PERSON", "EE38001085718", first_name="Jaan", surname="Tamm")


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[IdentityProvider]:
    settings = IdentityProviderSettings(
        directory=tmp_path, issuer="https://id.example", key_password=SecretStr("x")
    )
    provider = IdentityProvider(settings, Clock())
    yield provider
    provider.close()


def test_it_lets_nobody_act_and_is_not_passed_on(provider: IdentityProvider) -> None:
    made = provider.mandates.appoint(OFFICE, MARI_PARTY, SCOPE, actor="parliament")
    assert [one.scope for one in provider.mandates.appointments_of(MARI.subject)] == [SCOPE]
    assert provider.mandates.chains_of(MARI.subject) == [], "she represents nobody by it"
    assert provider.mandates.given_by(OFFICE.identifier) == []
    with pytest.raises(CallerError):
        provider.mandates.sub_delegate(made.id, OTHER, actor=MARI.subject)
    with pytest.raises(CallerError):
        provider.mandates.appoint(OFFICE, OFFICE, SCOPE, actor="parliament")
    provider.mandates.withdraw(made.id, actor=OFFICE.identifier)
    assert provider.mandates.appointments_of(MARI.subject) == []


def test_other_bodies_ask_through_their_security_servers_alone(provider: IdentityProvider) -> None:
    provider.mandates.appoint(OFFICE, MARI_PARTY, SCOPE, actor="parliament", valid_through=date(2026, 11, 22))
    with serving(mandates_door(provider)) as site:
        asked = site.get(f"/auditors/{MARI.subject}", x_road_client="SILD/GOV/70000004/social")
        (one,) = asked.json()["items"]
        assert parse_audit_scope(one["scope"]) == SCOPE and one["body"]["identifier"] == OFFICE.identifier
        assert site.get(f"/auditors/{MARI.subject}").status == 400
        assert site.get("/auditors/38001085718", x_road_client="x").status == 400
        assert site.get(f"/auditors/{OTHER.identifier}", x_road_client="x").json() == {"items": []}


@pytest.mark.parametrize(
    "wrong",
    [{}, [], {**SCOPE.to_json(), "more": 1}, {**SCOPE.to_json(), "classes": ["*"]}, {**SCOPE.to_json(), "basis": " "},
     {**SCOPE.to_json(), "bodies": "*"}, {**SCOPE.to_json(), "first_day": "2026-02-30"},
     {**SCOPE.to_json(), "first_day": "2026-03-02", "last_day": "2026-03-01"}],
)  # fmt: skip
def test_a_scope_that_is_not_clear_gives_nothing(wrong: object) -> None:
    with pytest.raises(CallerError) as refused:
        parse_audit_scope(wrong)
    assert refused.value.code == "invalid_scope"
