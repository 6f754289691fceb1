"""What people said to a move, each word with the proof of it, as the portal's case would send it along with an official's message.

words_of(body, case="case-7")            # everybody whose word it takes
word("consent", "EE60001017869", body)    # one of them, or a forged one: every argument of `support.acting.proof`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sild.openid import new_salt, statement_hash
from sild.registries.identity_codes import InvalidIdentityCode, parse_identity_code
from support.acting import EARLY, EVER, PORTAL, LogIn, proof

__all__ = ["PERSON", "said_of", "whole", "word", "words_of"]

PERSON = LogIn(posture=None, roles=())
REGISTER = ("registerMove",)


def whole(code: str) -> str:
    """With its country."""
    return code if code[:2].isalpha() else ("EE" if len(code) in (8, 11) else "VN") + code


def said_of(says: str, body: Mapping[str, Any], people: Sequence[str] = ()) -> dict[str, Any]:
    """What the token's hash is of. body: of `POST /moves` or `/owner-disputes`."""
    to = body.get("to", {})
    dwelling, abroad = to.get("dwelling") or body.get("wanted") or body.get("dwelling"), to.get("abroad")
    place: dict[str, Any] = {"dwelling": dwelling} if dwelling else {"division": to.get("division")}
    if abroad:
        place = {"country": abroad["country"], "address": abroad.get("address") or ""}
    named = sorted(people or body["people"])
    about = {"of": "move", "notice": 1, "to": place, "people": named, "valid_from": body["valid_from"]}
    return {**about, "says": says}


def word(
    says: str,
    subject: str,
    body: Mapping[str, Any],
    *,
    case: str = "case-7",
    system: str = PORTAL,
    people: Sequence[str] = (),
    said: Mapping[str, Any] | None = None,
    salt: str | None = None,
    operations: Sequence[str] = REGISTER,
    at: Any = EARLY,
    lifetime: timedelta = EVER,
    login: LogIn = PERSON,
    **more: Any,
) -> dict[str, str]:
    """said: what the token's hash is of, if not of this move.  salt: that is sent, if not the right one."""
    true_salt = new_salt()
    if subject[:2] == "EE" and len(subject) == 10:  # a company's
        login, subject = (
            LogIn(posture=None, roles=(), representee=subject, mandate="board-1"),
            "EE38001085718",
        )
    token = proof(
        subject,
        case,
        at,
        login=login,
        operations=operations,
        system=system,
        lifetime=lifetime,
        statement=statement_hash(said or said_of(says, body, people), true_salt),
        **more,
    )
    return {"says": says, "salt": salt or true_salt, "token": token}


def words_of(body: Mapping[str, Any], *, case: str = "case-7", system: str = PORTAL) -> dict[str, Any]:
    """The notice by the first of age, or by the first custodian; the others join, agree and consent."""
    people, day = list(body["people"]), date.fromisoformat(body["valid_from"])
    adults = [one for one in people if not _is_young(one, day)]
    custodians = [code for codes in (body.get("custodians") or {}).values() for code in codes]
    owners = list((body.get("consent") or {}).get("owners", ()))
    sender = next(iter([*adults, *custodians]), None)
    said = [("notice", sender)] if sender else []
    said += [("joining", one) for one in adults if one != sender]
    said += [("custody", one) for one in dict.fromkeys(custodians) if one != sender]
    said += [("consent", one) for one in owners if one not in people]
    words = [word(says, whole(str(code)), body, case=case, system=system) for says, code in said]
    return {"people": people, "said": words}


def _is_young(code: str, on: date) -> bool:
    try:
        parsed = parse_identity_code(code)
    except InvalidIdentityCode:
        return False
    if parsed.born is None:
        return on.year - parsed.birth_year <= 18
    return (on.year - parsed.born.year, on.month, on.day) < (18, parsed.born.month, parsed.born.day)
