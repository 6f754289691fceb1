"""The provider's word that a person acts in a case at this moment, for the registers that are to believe it.

A client that holds a person's access token gets it by token exchange (RFC 8693); what for it says in one
`authorization_details` (RFC 9396) of type `CASE_ACCESS`: the case, the registers, to look or to act. The token is the
person's log-in again (level, ways, roles, device, representee with the chain of mandates), for those registers alone
(`aud`), through that client's information system alone (`act`, RFC 8693 4.1), in that case alone.

For whom: the representee of the log-in; or, if the detail names one, somebody whom the person represents by law, whose chain the
provider looks up at that moment (a parent speaks for a child without another log-in). A clerk's mandate for one case is nothing that
the provider knows: the client says its id and hash, the provider that whoever acts on it is a clerk.

People who say something for themselves say one thing: then the detail names the operations (OpenAPI's `operationId`) that carry
their word to a register, as `privileges` (RFC 9396 2.2), and it counts for no other. What is carried by somebody else's message
(a consent, by that of the official who decides) is also bound to what was said, by its hash (`statement_hash`, statements.py).

A look lives as long as an access token. An act is said now and done when the register can be reached, perhaps days later:
its token lives as long as the provider's settings let it, and says when the person acted (`iat`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from sild.errors import CallerError, TrustError
from sild.openid.claims import Claims, Representation, representee_claim
from sild.openid.errors import OpenIDError
from sild.openid.tokens import VerificationKeys, verify_token

__all__ = [
    "ACCESS_TOKEN",
    "ACTING_TOKEN",
    "CASE_ACCESS",
    "TOKEN_EXCHANGE",
    "ActedFor",
    "ActingPerson",
    "CaseAccess",
    "RecordedMandate",
    "acting_claims",
    "parse_case_access",
    "verify_acting",
    "verify_applied",
    "verify_word",
]

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  a name
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  a name
ACTING_TOKEN = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105  a name
CASE_ACCESS = "urn:sild:case"
MOST_REGISTERS = 20
MOST_OPERATIONS = 20
MOST_REPRESENTEES = 20
SPEAKS_FOR = "speaks_for"
"""Claim: as `representee`, of whom the person represents by law without having chosen them at log-in."""
SPEAKS_ALSO = "speaks_also_for"
"""Claim: of the others whom they so represent, a list of the same."""
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


CLERK = "clerk"
RECORDED = "RECORDED"
"""Basis of a clerk's mandate, for which the client vouches."""
_CODE = re.compile(r"[A-Z]{2}[A-Za-z0-9:._+-]{1,254}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RecordedMandate:
    """A clerk's mandate for one case, as the client recorded it. representee: `EE38001085718`.  sha256: of what was recorded."""

    id: str
    representee: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ActedFor:
    """For whom somebody acts, and by what right. representee: with the country.  mandate: id of the last of its chain.  sha256: of the chain.

    basis: of the mandate, `PARENT`, `GUARDIAN`, `BOARD`, `POWER_OF_ATTORNEY`; `RECORDED`: a clerk's, which the client vouches for.
    """

    representee: str
    mandate: str
    sha256: str
    basis: str


@dataclass(frozen=True, slots=True)
class CaseAccess:
    """registers: information systems, `INSTANCE/CLASS/CODE/SUBSYSTEM`.  action: whether the person only looks.  operations: of
    registers, for which alone it is; none: not said, as of officials.

    representees: whom the person speaks for by law without having chosen them at log-in.  mandate: on which a clerk acts.
    statement: hash of what exactly is said; None: whatever the message says.
    """

    case: str
    registers: tuple[str, ...]
    action: Action
    operations: tuple[str, ...] = ()
    representees: tuple[str, ...] = ()
    mandate: RecordedMandate | None = None
    statement: str | None = None

    def to_json(self) -> list[dict[str, object]]:
        """An `authorization_details` (RFC 9396 2)."""
        detail: dict[str, object] = {
            "type": CASE_ACCESS,
            "identifier": self.case,
            "locations": list(self.registers),
            "actions": [self.action],
        }
        if self.operations:
            detail["privileges"] = list(self.operations)
        if self.representees:
            detail["representee"] = self.representees[0]
        if self.representees[1:]:
            detail["further_representees"] = list(self.representees[1:])
        if self.mandate is not None:
            one = self.mandate
            detail["mandate"] = {"id": one.id, "representee": one.representee, "chain_hash": one.sha256}
        if self.statement is not None:
            detail["statement_hash"] = self.statement
        return [detail]


@dataclass(frozen=True, slots=True)
class ActingPerson:
    """subject: `EE38001085718`.  level: acr.  roles: (role, organisation).  acted_at: when the provider vouched for them.  token: its `jti`.
    operations: as in `CaseAccess`.  acted_for: the representee with the mandate, or whom a clerk helps; None: the token names no mandate.
    also_for: the others whom they represent by law in this.  statement: as in `CaseAccess`.
    """

    subject: str
    level: str
    posture: str
    roles: tuple[tuple[str, str], ...]
    representee: str | None
    action: Action
    acted_at: datetime
    token: str
    operations: tuple[str, ...] = ()
    acted_for: ActedFor | None = None
    also_for: tuple[ActedFor, ...] = ()
    statement: str | None = None

    @property
    def principal(self) -> str:
        """Whose word it is: of whom they acted for, by the provider's word or at a counter; or else their own. With the country."""
        if self.is_at_a_counter and self.acted_for is not None:
            return self.acted_for.representee
        return self.representee or self.subject

    @property
    def is_official(self) -> bool:
        """At level high, on a device of their organisation, with a role."""
        return self.level == "high" and self.posture == "managed" and bool(self.roles)

    @property
    def is_at_a_counter(self) -> bool:
        """A clerk, who acts for nobody by a mandate the provider knows, and on one for one case that the client recorded."""
        by_word = self.acted_for is not None and self.acted_for.basis == RECORDED
        return self.is_official and CLERK in dict(self.roles) and self.representee is None and by_word


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
    operations = details[0].get("privileges", [])
    if not isinstance(operations, list) or len(operations) > MOST_OPERATIONS:
        raise ValueError("operations")
    if not all(isinstance(one, str) and 0 < len(one) <= 100 for one in operations):
        raise ValueError("names of operations")
    recorded = None if details[0].get("mandate") is None else _recorded(details[0]["mandate"])
    whom = _representees(details[0])
    statement = details[0].get("statement_hash")
    if statement is not None:
        _ensure(_HASH, statement)
    return CaseAccess(case, tuple(registers), actions[0], tuple(operations), whom, recorded, statement)


def _representees(detail: Any) -> tuple[str, ...]:
    first, further = detail.get("representee"), detail.get("further_representees", [])
    if not isinstance(further, list) or len(further) >= MOST_REPRESENTEES or (further and first is None):
        raise ValueError("representees")
    named = ([] if first is None else [first]) + further
    for one in named:
        _ensure(_CODE, one)
    return tuple(dict.fromkeys(named))


def _recorded(mandate: Any) -> RecordedMandate:
    found = RecordedMandate(mandate["id"], mandate["representee"], mandate["chain_hash"])
    _ensure(_CODE, found.representee)
    _ensure(_HASH, found.sha256)
    if not isinstance(found.id, str) or not 0 < len(found.id) <= 200:
        raise ValueError("a mandate's id")
    return found


def _ensure(pattern: re.Pattern[str], text: Any) -> None:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError("not what it ought to be")


def acting_claims(
    access_token: Claims,
    wanted: CaseAccess,
    *,
    system: str,
    jti: str,
    at: datetime,
    lifetime: timedelta,
    by_law: Sequence[Representation] = (),
) -> Claims:
    """access_token: claims of the verified one.  system: the client's information system.  by_law: of those whom the detail names, what stands."""
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
        **({SPEAKS_FOR: representee_claim(by_law[0])} if by_law else {}),
        **({SPEAKS_ALSO: [representee_claim(one) for one in by_law[1:]]} if by_law[1:] else {}),
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
    at_counter: bool = False,
) -> ActingPerson:
    """What a register does with the token of a message.

    register: itself.  system, person, case, represented: as the message says it (X-Road-Client, -UserId, -Issue,
    -Represented-Party without its class).  at_counter: whether a clerk may say that they speak for somebody before them, whose
    mandate the client recorded and the token names.
    Raises TrustError (`invalid_token`: forged, or another issuer's), CallerError (`acting_not_proven`: it is not about this message;
    `acting_expired`: said too long ago).
    """
    found, ends = _verified(token, keys, issuer, register, system, person, case, at)
    said = found.acted_for
    is_recorded = said is not None and said.basis == RECORDED
    if is_recorded:
        fits = at_counter and found.is_at_a_counter and said is not None and said.representee == represented
    else:
        fits = represented in (None, found.representee)
    if not fits:
        raise CallerError("the proof of who acts is of another representee", code="acting_not_proven")
    if ends <= at.timestamp():
        raise CallerError("the person acted too long ago, and has to act again", code="acting_expired")
    return found


def verify_word(
    token: str,
    keys: VerificationKeys,
    *,
    issuer: str,
    register: str,
    system: str,
    case: str | None,
    at: datetime,
) -> ActingPerson:
    """Of a word that somebody else's message carries along: whose it is, the token alone says. Raises as `verify_acting`.

    Who speaks on a clerk's mandate is at a counter; another who names one proves nothing.
    """
    found, ends = _verified(token, keys, issuer, register, system, None, case, at)
    said = found.acted_for
    if said is not None and said.basis == RECORDED and not found.is_at_a_counter:
        raise CallerError("the proof of who acts is of another representee", code="acting_not_proven")
    if ends <= at.timestamp():
        raise CallerError("the person acted too long ago, and has to act again", code="acting_expired")
    return found


def verify_applied(
    token: str,
    keys: VerificationKeys,
    *,
    issuer: str,
    register: str,
    system: str,
    case: str | None,
    at: datetime,
) -> ActingPerson:
    """Who applied in a case that somebody else, or a rule, decides: whoever it was, however long ago. Raises as `verify_acting`, but for `acting_expired`."""
    found, _ends = _verified(token, keys, issuer, register, system, None, case, at)
    return found


def _verified(
    token: str,
    keys: VerificationKeys,
    issuer: str,
    register: str,
    system: str,
    person: str | None,
    case: str | None,
    at: datetime,
) -> tuple[ActingPerson, float]:
    """And until when it counts, in seconds."""
    claims = verify_token(
        token, keys, issuer=issuer, audience=register, at=at, token_type="acting+jwt", expired_too=True  # noqa: S106
    )  # fmt: skip
    try:
        access = _case_access(claims["authorization_details"])
        actor = claims["act"]
        through = actor["sub"] if isinstance(actor, dict) else None
    except (KeyError, TypeError, ValueError) as error:
        raise TrustError("the token names no case", code="invalid_token") from error
    found = _acting(claims, access)
    fits = {
        "information system": through == system,
        "person": person in (None, found.subject),
        "case": access.case == case,
    }
    for name, is_so in fits.items():
        if not is_so:
            raise CallerError(f"the proof of who acts is of another {name}", code="acting_not_proven")
    return found, float(str(claims["exp"]))


def _acting(claims: Claims, access: CaseAccess) -> ActingPerson:
    representee, roles = claims.get("representee"), claims.get("roles", [])
    try:
        acted_for = _acted_for(representee) or _acted_for(claims.get(SPEAKS_FOR))
        return ActingPerson(
            subject=str(claims["sub"]),
            level=str(claims["acr"]),
            posture=str(claims.get("device_posture", "unmanaged")),
            roles=tuple((str(one["role"]), str(one["organisation"])) for one in cast("list[Any]", roles)),
            representee=str(representee["sub"]) if isinstance(representee, dict) else None,
            action=access.action,
            operations=access.operations,
            statement=access.statement,
            acted_at=datetime.fromtimestamp(float(str(claims["iat"])), UTC),
            token=str(claims["jti"]),
            acted_for=acted_for or _recorded_for(access, roles),
            also_for=tuple(_also_for(claims.get(SPEAKS_ALSO, []))),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise TrustError("the token does not say who acts", code="invalid_token") from error


def _acted_for(representee: Any) -> ActedFor | None:
    """By the first of the chains that the provider found. representee: the claim."""
    mandates = representee.get("mandates") if isinstance(representee, dict) else None
    if not mandates:
        return None
    first = mandates[0]
    basis = str(first["chain"][-1]["basis"])
    return ActedFor(str(representee["sub"]), str(first["id"]), str(first["chain_hash"]), basis)


def _also_for(representees: Any) -> Iterator[ActedFor]:
    """representees: the claim."""
    for one in representees if isinstance(representees, list) else ():
        found = _acted_for(one)
        if found is not None:
            yield found


def _recorded_for(access: CaseAccess, roles: Any) -> ActedFor | None:
    """Of a clerk alone."""
    mandate = access.mandate
    if mandate is None or CLERK not in {one["role"] for one in roles}:
        return None
    return ActedFor(mandate.representee, mandate.id, mandate.sha256, RECORDED)
