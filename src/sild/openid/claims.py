"""What a token says about a person (TARA 4.3.1, 4.4; GovSSO Representee 4; OpenID Connect Core 2, 5.1; Back-Channel Logout 2.4)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sild.openid.levels import LevelOfAssurance
from sild.openid.mandates import Mandate, Party, chain_hash

__all__ = [
    "Authentication",
    "Claims",
    "DevicePosture",
    "Person",
    "Representation",
    "access_token_claims",
    "at_hash",
    "date_of_birth",
    "id_token_claims",
    "logout_token_claims",
    "representee_claim",
    "userinfo_claims",
]

Claims = dict[str, object]
DevicePosture = Literal["managed", "unmanaged"]

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_CENTURIES = {"1": 1800, "2": 1800, "3": 1900, "4": 1900, "5": 2000, "6": 2000, "7": 2100, "8": 2100}


@dataclass(frozen=True, slots=True)
class Person:
    """subject: country code and personal code, `EE60001019906`, as TARA's `sub`."""

    subject: str
    given_name: str
    family_name: str
    date_of_birth: date | None = None


@dataclass(frozen=True, slots=True)
class Authentication:
    """How and when a person proved who they are. roles: (role, organisation) of an official, empty for everybody else."""

    person: Person
    level: LevelOfAssurance
    amr: tuple[str, ...]
    auth_time: datetime
    sid: str
    device_posture: DevicePosture | None = None
    device_id: str | None = None
    roles: tuple[tuple[str, str], ...] = ()
    test_person: bool = False


@dataclass(frozen=True, slots=True)
class Representation:
    """The representee a person chose, and the chains of mandates that prove the right to: first link from the representee."""

    representee: Party
    chains: tuple[tuple[Mandate, ...], ...]


def id_token_claims(
    authentication: Authentication,
    *,
    issuer: str,
    client_id: str,
    jti: str,
    at: datetime,
    lifetime: timedelta,
    nonce: str | None,
    access_token: str,
    representation: Representation | None = None,
    representees: Sequence[Party] | None = None,
) -> Claims:
    """The identity token. `representee_list` appears when `representees` is given, even empty."""
    claims: Claims = {
        "jti": jti,
        "iss": issuer,
        "aud": client_id,
        "azp": client_id,
        "iat": _seconds(at),
        "nbf": _seconds(at),
        "exp": _seconds(at + lifetime),
        "at_hash": at_hash(access_token),
        **_person_claims(authentication),
        **_representation_claims(representation),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    if representees is not None:
        claims["representee_list"] = {
            "status": "REPRESENTEE_LIST_CURRENT",
            "list": [_party(party) for party in representees],
        }
    return claims


def access_token_claims(
    authentication: Authentication,
    *,
    issuer: str,
    client_id: str,
    audiences: Sequence[str],
    scopes: Sequence[str],
    jti: str,
    grant_id: str,
    at: datetime,
    lifetime: timedelta,
    representation: Representation | None = None,
) -> Claims:
    """The access token (RFC 9068): person, level, mandate and device in one signed token any register can check by itself."""
    return {
        "jti": jti,
        "iss": issuer,
        "aud": [issuer, *audiences],
        "client_id": client_id,
        "scope": " ".join(scopes),
        "grant_id": grant_id,
        "iat": _seconds(at),
        "nbf": _seconds(at),
        "exp": _seconds(at + lifetime),
        **_person_claims(authentication),
        **_representation_claims(representation),
    }


def userinfo_claims(claims: Mapping[str, object]) -> Claims:
    """Userinfo out of an access token's claims (TARA 4.4: names at the top)."""
    attributes = claims.get("profile_attributes")
    kept = ("sub", "acr", "amr", "auth_time", "device_posture", "roles", "representee", "test_person")
    found: Claims = {name: claims[name] for name in kept if name in claims}
    if isinstance(attributes, dict):
        found.update(attributes)
        if "date_of_birth" in attributes:
            found["birthdate"] = attributes["date_of_birth"]
    return found


def logout_token_claims(
    *, issuer: str, client_id: str, subject: str, sid: str, jti: str, at: datetime, lifetime: timedelta
) -> Claims:
    """Back-Channel Logout 2.4; no nonce, so that it can never pass for an identity token."""
    return {
        "jti": jti,
        "iss": issuer,
        "aud": client_id,
        "iat": _seconds(at),
        "exp": _seconds(at + lifetime),
        "sub": subject,
        "sid": sid,
        "events": {LOGOUT_EVENT: {}},
    }


def at_hash(access_token: str) -> str:
    """Core 3.1.3.6, for ES256 and RS256: the left half of the SHA-256, base64url without padding."""
    digest = hashlib.sha256(access_token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def date_of_birth(subject: str) -> date | None:
    """The day an Estonian personal code names (EVS 585); other countries' codes do not name one."""
    code = subject.removeprefix("EE")
    if (
        subject == code
        or len(code) != 11
        or not code.isascii()
        or not code.isdigit()
        or code[0] not in _CENTURIES
    ):
        return None
    try:
        return date(_CENTURIES[code[0]] + int(code[1:3]), int(code[3:5]), int(code[5:7]))
    except ValueError:
        return None


def _person_claims(authentication: Authentication) -> Claims:
    person = authentication.person
    attributes: Claims = {"given_name": person.given_name, "family_name": person.family_name}
    if person.date_of_birth is not None:
        attributes["date_of_birth"] = person.date_of_birth.isoformat()
    claims: Claims = {
        "sub": person.subject,
        "profile_attributes": attributes,
        "acr": authentication.level.acr,
        "amr": list(authentication.amr),
        "auth_time": _seconds(authentication.auth_time),
        "sid": authentication.sid,
    }
    if authentication.roles:
        claims["roles"] = [{"role": role, "organisation": body} for role, body in authentication.roles]
    if authentication.device_posture is not None:
        claims["device_posture"] = authentication.device_posture
    if authentication.device_id is not None:
        claims["device_id"] = authentication.device_id
    if authentication.test_person:
        claims["test_person"] = True
    return claims


def _representation_claims(representation: Representation | None) -> Claims:
    """Absent for oneself."""
    return {} if representation is None else {"representee": representee_claim(representation)}


def representee_claim(representation: Representation) -> Claims:
    """GovSSO's `representee`, each role with the identifier of its mandate, the chain and the chain's hash."""
    mandates = [
        {
            "role": chain[-1].role,
            "id": chain[-1].id,
            "chain": [mandate.summary() for mandate in chain],
            "chain_hash": chain_hash(chain),
        }
        for chain in representation.chains
    ]
    return {
        "status": "REQUESTED_REPRESENTEE_CURRENT",
        **_party(representation.representee),
        "mandates": mandates,
    }


def _party(party: Party) -> Claims:
    if party.type == "LEGAL_PERSON":
        return {"sub": party.identifier, "type": party.type, "name": party.legal_name}
    return {
        "sub": party.identifier,
        "type": party.type,
        "given_name": party.first_name,
        "family_name": party.surname,
    }


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
