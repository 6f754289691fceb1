"""The provider's word that a person acts in a case at this moment, for the registers that are to believe it.

A client that holds a person's access token gets it by token exchange (RFC 8693); what for it says in one
`authorization_details` (RFC 9396) of type `CASE_ACCESS`: the case, the registers, to look or to act. The token is the
person's log-in again (level, ways, roles, device, representee with the chain of mandates), for those registers alone
(`aud`), through that client's information system alone (`act`, RFC 8693 4.1), in that case alone.

A look lives as long as an access token. An act is said now and done when the register can be reached, perhaps days later:
its token lives as long as the provider's settings let it, and says when the person acted (`iat`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from sild.errors import CallerError, TrustError
from sild.openid.claims import Claims
from sild.openid.errors import OpenIDError
from sild.openid.tokens import VerificationKeys, verify_token

__all__ = [
    "ACCESS_TOKEN",
    "ACTING_TOKEN",
    "CASE_ACCESS",
    "TOKEN_EXCHANGE",
    "ActingPerson",
    "CaseAccess",
    "acting_claims",
    "parse_case_access",
    "verify_acting",
]

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  a name
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  a name
ACTING_TOKEN = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105  a name
CASE_ACCESS = "urn:sild:case"
MOST_REGISTERS = 20
Action = Literal["look", "act"]
_KEPT = (
    "sub",
    "acr",
    "amr",
    "auth_time",
    "roles",
    "device_posture",
    "device_id",
    "representee",
    "test_person",
)


@dataclass(frozen=True, slots=True)
class CaseAccess:
    """registers: information systems, `INSTANCE/CLASS/CODE/SUBSYSTEM`.  action: whether the person only looks."""

    case: str
    registers: tuple[str, ...]
    action: Action

    def to_json(self) -> list[dict[str, object]]:
        """An `authorization_details` (RFC 9396 2)."""
        return [
            {
                "type": CASE_ACCESS,
                "identifier": self.case,
                "locations": list(self.registers),
                "actions": [self.action],
            }
        ]


@dataclass(frozen=True, slots=True)
class ActingPerson:
    """subject: `EE38001085718`.  level: acr.  roles: (role, organisation).  acted_at: when the provider vouched for them.  token: its `jti`."""

    subject: str
    level: str
    posture: str
    roles: tuple[tuple[str, str], ...]
    representee: str | None
    action: Action
    acted_at: datetime
    token: str

    @property
    def is_official(self) -> bool:
        """At level high, on a device of their organisation, with a role."""
        return self.level == "high" and self.posture == "managed" and bool(self.roles)


def parse_case_access(text: str, allowed: Sequence[str]) -> CaseAccess:
    """allowed: registers the client may have tokens for.

    Raises OpenIDError (`invalid_authorization_details`, RFC 9396 5; `invalid_target`, RFC 8693 2.2.2).
    """
    try:
        access = _case_access(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = "authorization_details must hold one case, its registers, and one action"
        raise OpenIDError(message, code="invalid_authorization_details") from error
    if not set(access.registers) <= set(allowed):
        raise OpenIDError("the client is not registered for such a register", code="invalid_target")
    return access


def _case_access(details: Any) -> CaseAccess:
    if not isinstance(details, list) or len(details) != 1 or details[0]["type"] != CASE_ACCESS:
        raise ValueError("one detail of our type")
    case, registers, actions = (details[0][name] for name in ("identifier", "locations", "actions"))
    if not isinstance(case, str) or not 0 < len(case) <= 255:
        raise ValueError("a case")
    if not isinstance(registers, list) or not 0 < len(registers) <= MOST_REGISTERS:
        raise ValueError("registers")
    if not all(isinstance(one, str) for one in registers) or actions not in (["look"], ["act"]):
        raise ValueError("names, and one action")
    return CaseAccess(case, tuple(registers), actions[0])


def acting_claims(
    access_token: Claims,
    wanted: CaseAccess,
    *,
    system: str,
    jti: str,
    at: datetime,
    lifetime: timedelta,
) -> Claims:
    """access_token: claims of the verified one.  system: the client's information system."""
    begins = int(at.timestamp())
    return {
        "jti": jti,
        "iss": access_token["iss"],
        "aud": list(wanted.registers),
        "client_id": access_token["client_id"],
        "act": {"sub": system},
        "iat": begins,
        "nbf": begins,
        "exp": int((at + lifetime).timestamp()),
        "authorization_details": wanted.to_json(),
        **{name: access_token[name] for name in _KEPT if name in access_token},
    }


def verify_acting(
    token: str,
    keys: VerificationKeys,
    *,
    issuer: str,
    register: str,
    system: str,
    person: str,
    case: str | None,
    represented: str | None,
    at: datetime,
) -> ActingPerson:
    """What a register does with the token of a message.

    register: itself.  system, person, case, represented: as the message says it (X-Road-Client, -UserId, -Issue,
    -Represented-Party without its class).
    Raises TrustError (`invalid_token`: forged, or another issuer's), CallerError (`acting_not_proven`: it is not about this message;
    `acting_expired`: said too long ago).
    """
    claims = verify_token(
        token, keys, issuer=issuer, audience=register, at=at, token_type="acting+jwt", expired_too=True  # noqa: S106
    )  # fmt: skip
    try:
        access = _case_access(claims["authorization_details"])
        actor = claims["act"]
        through = actor["sub"] if isinstance(actor, dict) else None
    except (KeyError, TypeError, ValueError) as error:
        raise TrustError("the token names no case", code="invalid_token") from error
    found = _acting(claims, access.action)
    fits = {
        "information system": through == system,
        "person": found.subject == person,
        "case": access.case == case,
        "representee": represented in (None, found.representee),
    }
    for name, is_so in fits.items():
        if not is_so:
            raise CallerError(f"the proof of who acts is of another {name}", code="acting_not_proven")
    if float(str(claims["exp"])) <= at.timestamp():
        raise CallerError("the person acted too long ago, and has to act again", code="acting_expired")
    return found


def _acting(claims: Claims, action: Action) -> ActingPerson:
    representee, roles = claims.get("representee"), claims.get("roles", [])
    try:
        return ActingPerson(
            subject=str(claims["sub"]),
            level=str(claims["acr"]),
            posture=str(claims.get("device_posture", "unmanaged")),
            roles=tuple((str(one["role"]), str(one["organisation"])) for one in cast("list[Any]", roles)),
            representee=str(representee["sub"]) if isinstance(representee, dict) else None,
            action=action,
            acted_at=datetime.fromtimestamp(float(str(claims["iat"])), UTC),
            token=str(claims["jti"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise TrustError("the token does not say who acts", code="invalid_token") from error
