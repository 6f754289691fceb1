"""A newborn's home that no machine could enter: the birth's case asks an official of the residence register, who enters it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from sild.cases.birth_facts import bare
from sild.cases.birth_work import act
from sild.cases.case import Case, Party
from sild.cases.process import Asking, Opening, Work
from sild.errors import CallerError

__all__ = ["as_matter", "entry_of", "home_by_hand", "tell_the_birth"]

RESIDENCE = "residence"
GROUND = "register_matter"
DEADLINE = "register_matter.decide"


async def home_by_hand(
    work: Work, case: Case, child: str, born: date, homes: Mapping[str, str], *, sent_on: date, why: str
) -> None:
    """A matter of the residence register. homes: parents by role.  why: the register's refusal. Without such matters: nothing."""
    register = work.address(RESIDENCE)
    parents = [person for person in case.persons("parent") if person not in case.departed()]
    data = {
        "register": register,
        "kind": "home",
        "key": child,
        "arose_in": case.id,
        "why": why,
        "homes": dict(homes),
        "entry": {
            "people": [child],
            "valid_from": born.isoformat(),
            "sent_on": sent_on.isoformat(),
            "custodians": {child: [bare(person) for person in parents]},
        },
    }
    parties = tuple(Party("person", person) for person in parents)
    opening = Opening(parties, office=f"matter@{register.split('/')[1]}", data=data)
    try:
        opened = await work.open("home_by_hand", "register_matter", opening)
    except CallerError:
        return
    due = work.profile.deadline(DEADLINE, work.profile.day(work.at))
    await act(work, "home_waits", "AWAIT", {"due": due.isoformat()}, opened)


async def as_matter(case: Case, asking: Asking) -> Mapping[str, Any] | None:
    """In the shape of registers: why, and where each parent lives, as the official who acts is told. None: nobody answers."""
    facts = [_fact("child", case.data["key"]), _fact("home_because", case.data["why"])]
    for role, person in case.data["homes"].items():
        path = f"/persons/{quote(person, safe='')}/residence"
        answer = await asking.get(case.data["register"], path, basis=asking.profile.ground(GROUND))
        if answer is None and asking.failed(case.data["register"]):
            return None
        lives = {} if answer is None else answer.json
        facts.append(_fact(f"home_{role}", lives.get("text") or lives.get("level")))
        if lives.get("dwelling"):
            facts.append(_fact(f"dwelling_{role}", lives["dwelling"]))
    opened = case.opened_at.isoformat()
    return {"since": opened, "said": "", "state": "waiting", "facts": facts, "evidence": None}


def entry_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is entered: the child in the parent's home, or in a commune."""
    entry = {name: given[name] for name in ("people", "valid_from", "sent_on", "custodians")}
    seen = {name: given[name] for name in ("view_sha256", "posture", "seconds")}
    entry |= {"official": {**seen, "words": given.get("words") or ""}}
    if given.get("division"):
        return {**entry, "to": {"division": given["division"]}}
    return {**entry, "to": {"dwelling": given["dwelling"]}, "joins": given["joins"]}


async def tell_the_birth(work: Work, case: Case, state: str) -> None:
    """The case of the birth no longer says that somebody will. state: `entered`, or `none`."""
    await act(work, "told", "ENTER_HOME", {"state": state, "defects": None}, str(case.data["arose_in"]))


def _fact(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "about": "", "source": "", "basis": "", "valid_from": None}
