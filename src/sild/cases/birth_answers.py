"""What was given in a case of birth, looked over before it is taken: every defect at once, by field and reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sild.cases.actor import Actor
from sild.cases.birth_facts import bare, declared, recorded
from sild.cases.case import Case
from sild.cases.process import Given
from sild.cases.store import PREFIX
from sild.catalogue import Defect
from sild.decisions import sha256_of

__all__ = ["check_acceptance", "check_offline", "check_return", "look_of", "name_defects", "name_defects_in"]

MOST_GIVEN_NAMES = 3
"""In Estonia (Nimeseadus § 7). Viet Nam sets no number, but a length, which the screen has."""
_NAME = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*")
_RESERVED = re.compile(rf"{PREFIX}-[0-9]{{4}}-[0-9]{{6}}")


def name_defects(case: Case, values: Mapping[str, Any]) -> tuple[Defect, ...]:
    """A name is made of letters of any script. The register looks again when it registers."""
    said = recorded(case)
    return name_defects_in(said.country if said is not None else "EE", values)


def name_defects_in(country: str, values: Mapping[str, Any]) -> tuple[Defect, ...]:
    """country: the child's, `EE`."""
    found = []
    given, family = values.get("given_names"), values.get("family_name")
    if not isinstance(given, str):
        found.append(Defect("given_names", "missing"))
    elif _NAME.fullmatch(given) is None:
        found.append(Defect("given_names", "not_a_name"))
    elif country == "EE" and len(given.replace("-", " ").split()) > MOST_GIVEN_NAMES:
        found.append(Defect("given_names", "too_many_names"))
    if not isinstance(family, str):
        found.append(Defect("family_name", "missing"))
    elif _NAME.fullmatch(family) is None:
        found.append(Defect("family_name", "not_a_name"))
    return tuple(found)


def check_return(values: Mapping[str, Any]) -> Given:
    """An official names what is wrong, by reason codes, and may say more in words."""
    reasons = list(values.get("defects") or ())
    defects = () if reasons else (Defect("defects", "missing"),)
    return Given({"defects": reasons, "words": values.get("words") or ""}, defects)


def check_offline(case: Case, values: Mapping[str, Any]) -> Given:
    """A birth entered on paper under a number of the commune's own block, brought in when the network is back.

    The engine looks whether the number is of their block, and new (`Rule.numbered`).
    """
    found = list(name_defects(case, values))
    if _RESERVED.fullmatch(str(values.get("reserved_number", ""))) is None:
        found.append(Defect("reserved_number", "not_a_reserved_number"))
    said, day = recorded(case), values.get("registered_on")
    if said is None or not day or date.fromisoformat(day) < said.born:
        found.append(Defect("registered_on", "before_birth"))
    kept = ("given_names", "family_name", "reserved_number", "registered_on")
    return Given({name: values.get(name) for name in kept}, tuple(found))


def look_of(case: Case, screen: str, actor: Actor, now: datetime) -> dict[str, Any]:
    """What the official had before them, for the record of the decision: the screen's hash, the device, the seconds since taking the case."""
    first = declared(case)
    shown = {
        "screen": screen,
        "language": actor.language,
        "timeline": case.actions[-1].seq,
        "recorded": dict(case.given("RECORD")),
        "examined": dict(case.given("EXAMINE")),
        "declared": dict(first.data) if first is not None else None,
    }
    taken = [one.at for one in case.all("TAKE") if one.person == actor.person]
    seconds = int((now - taken[-1]).total_seconds()) if taken else 0
    return {"view_sha256": sha256_of(shown), "posture": actor.posture, "seconds": seconds}


def check_acceptance(values: Mapping[str, Any], offer: Mapping[str, Any] | None, actor: Actor) -> Given:
    """offer: as the board holds it now; None: it does not answer, and the choice waits with the acceptance until it does.

    An account is the actor's own: of who receives nothing none is kept. `waits`: for whose word it will wait.
    """
    kept: dict[str, Any] = {name: values.get(name) for name in ("choice", "account")}
    if offer is None:
        return Given({**kept, "waits": []})
    chosen = next((one for one in offer["choices"] if one["id"] == kept["choice"]), None)
    if chosen is None:
        return Given(kept, (Defect("choice", "not_an_option"),))
    me = bare(actor.acting_for)
    said = {word["person"] for word in offer["words"] if word["choice"] == chosen["id"]}
    kept["waits"] = [one for one in chosen["needs"] if one not in said and one != me]
    if all(item["person"] != me for item in chosen["items"]):
        kept["account"] = None
    return Given(kept)
