"""Where one can move to, found by words; and what was given, looked over before it is taken: every defect at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sild.cases.actor import Actor
from sild.cases.birth_facts import POPULATION, RESIDENCE, bare, known
from sild.cases.case import Case
from sild.cases.move_facts import Grounds, Place, duty_of, found
from sild.cases.move_jobs import is_minor
from sild.cases.process import Asking, Given
from sild.cases.refusals import Refused
from sild.catalogue import Defect
from sild.decisions import sha256_of
from sild.errors import CallerError
from sild.i18n import Speaker

__all__ = ["check_notice", "check_place", "check_return", "leases_of", "look_of", "places_of"]

MOST_HOUSES = 5
MOST_PLACES = 60
FARTHEST_AHEAD = timedelta(days=30)


async def places_of(case: Case, asking: Asking, grounds: Grounds, say: Speaker) -> list[tuple[str, str]]:
    """Dwellings that the words find, then their communes, without an exact address. value: `dwelling:EE-D0000001`."""
    looked = found(case)
    if looked.get("where") == "abroad":
        return [(f"abroad:{looked['country']}", str(looked.get("address") or looked["country"]))]
    words = quote(str(looked.get("words", "")), safe="")
    country = asking.profile.country
    answer = await asking.get(
        RESIDENCE, f"/addresses?q={words}&country={country}&limit={MOST_HOUSES}", basis=grounds.owners
    )
    houses = answer.json["items"] if answer is not None else []
    places: list[tuple[str, str]] = []
    for house in houses:
        one = await asking.get(RESIDENCE, f"/addresses/{house['id']}", basis=grounds.owners)
        for home in one.json["dwellings"] if one is not None else ():
            apartment = (
                f" – {say('option.apartment', number=home['apartment'])}" if home.get("apartment") else ""
            )
            places.append((f"dwelling:{home['id']}", f"{house['text']}{apartment}"))
    units = {house["division"]: house["municipality"] for house in houses}
    if not houses:
        some = await asking.get(RESIDENCE, f"/divisions?q={words}&country={country}", basis=grounds.owners)
        tiers = ("municipality", "commune")
        units = {
            one["code"]: one["name"]
            for one in (some.json["items"] if some is not None else ())
            if one["tier"] in tiers
        }
    communes = [(f"division:{code}", say("option.commune", name=name)) for code, name in units.items()]
    return [*places[: MOST_PLACES - len(communes)], *communes]


def check_place(values: Mapping[str, Any]) -> Given:
    """Words to search for, or a country."""
    kept = {name: values[name] for name in ("where", "words", "country", "address") if values.get(name)}
    return Given(kept)


async def check_notice(
    case: Case, values: Mapping[str, Any], actor: Actor, asking: Asking, grounds: Grounds
) -> Given:
    """Who, where, from when, on what. Raises Refused (`register_down`) when the place cannot be looked at."""
    kind, _, place_id = str(values["place"]).partition(":")
    place = await _place(case, kind, place_id, asking, grounds)
    day = date.fromisoformat(values["valid_from"])
    today = _today(asking)
    duty_until = asking.profile.deadline(duty_of(asking.profile, kind), day)
    basis = values.get("basis") if kind == "dwelling" else None
    defects = []
    if day > today + FARTHEST_AHEAD:
        defects.append(Defect("valid_from", "too_far_ahead"))
    if _first_day(case, today) > duty_until:
        defects.append(Defect("valid_from", "duty_is_over"))
    if kind == "dwelling" and basis is None:
        defects.append(Defect("basis", "missing"))
    registered = (
        await _lease_of(place_id, actor.acting_for, day, asking, grounds) if basis == "lease" else None
    )
    if basis == "lease" and registered is None and not values.get("document") and not values.get("lease"):
        defects.append(Defect("lease", "lease_missing"))
    if basis == "owner" and not await _owns(place_id, (actor.acting_for, *values["people"]), asking, grounds):
        defects.append(Defect("basis", "not_an_owner"))
    if not _is_receivable(place, actor, asking):
        defects.append(Defect("place", "another_province"))
    given = {
        "people": list(values["people"]),
        "represents": await _represented(values["people"], day, actor, asking, grounds),
        "place": place.as_json(),
        "valid_from": day.isoformat(),
        "sent_on": today.isoformat(),
        "duty_until": duty_until.isoformat(),
        "basis": basis,
        "document": (registered or values.get("document")) if basis == "lease" else None,
        "lease": values.get("lease") if basis == "lease" and registered is None else None,
        "is_registered": registered is not None,
    }
    return Given(given, tuple(defects))


async def _place(case: Case, kind: str, place_id: str, asking: Asking, grounds: Grounds) -> Place:
    if kind == "abroad":
        return Place(kind, place_id, str(found(case).get("address") or place_id))
    if kind == "division":
        unit = asking.profile.resolve(place_id, _today(asking))[0]
        return Place(kind, unit.code, unit.name, unit.code)
    answer = await asking.get(RESIDENCE, f"/dwellings/{place_id}", basis=grounds.owners)
    if answer is None:
        raise Refused("the residence register does not answer", code="register_down", register=RESIDENCE)
    return Place(kind, place_id, answer.json["text"], answer.json["division"])


async def _owns(dwelling: str, people: tuple[str, ...], asking: Asking, grounds: Grounds) -> bool:
    """Whether one who moves owns it, or a part."""
    answer = await asking.get(RESIDENCE, f"/dwellings/{dwelling}/owners", basis=grounds.owners)
    if answer is None:
        raise Refused("the residence register does not answer", code="register_down", register=RESIDENCE)
    owners = {one["code"] for one in answer.json["items"]}
    return any(bare(person) in owners for person in people)


async def leases_of(person: str, asking: Asking, grounds: Grounds) -> list[Mapping[str, Any]]:
    """That the residence register knows: nobody is asked for a paper of these."""
    answer = await asking.get(RESIDENCE, f"/persons/{bare(person)}/leases", basis=grounds.leases)
    return list(answer.json["items"]) if answer is not None else []


async def _lease_of(dwelling: str, person: str, day: date, asking: Asking, grounds: Grounds) -> str | None:
    """Its number, if they rent the dwelling on that day."""
    for lease in await leases_of(person, asking, grounds):
        ends = lease.get("valid_to")
        holds = date.fromisoformat(lease["valid_from"]) <= day and (
            ends is None or day < date.fromisoformat(ends)
        )
        if lease["dwelling"] == dwelling and holds:
            return str(lease["number"])
    return None


async def _represented(
    people: Sequence[str], day: date, actor: Actor, asking: Asking, grounds: Grounds
) -> list[str]:
    """Minors among those who move whom the resident represents as a parent with custody. By which mandate the identity provider looks up;
    a register that does not answer stops nobody: it is asked who has custody of them before anything is entered.
    """
    path = f"/persons/{bare(actor.acting_for)}/children"
    answer = await asking.get(POPULATION, path, basis=grounds.relations)
    theirs = {
        known(one["code"], asking.profile.country)
        for one in (answer.json["items"] if answer is not None else ())
        if one["custody"] and one["status"] != "DEAD" and is_minor(date.fromisoformat(one["born"]), day)
    }
    return [one for one in people if one in theirs]


def _is_receivable(place: Place, actor: Actor, asking: Asking) -> bool:
    """An office takes a notice for any place of its province, where the law says so; people at home are in all of them."""
    if "clerk" not in actor.roles or actor.authority is None or place.division is None:
        return True
    try:
        rule, unit = asking.profile.competent("residence", place.division, _today(asking))
        own = asking.profile.division(actor.authority.partition("@")[2])
    except CallerError:
        return True  # an office without a place of its own
    if rule.within is None:
        return True

    def holder(code: str | None) -> str | None:
        while code is not None and asking.profile.division(code).tier != rule.within:
            code = asking.profile.division(code).parent
        return code

    return holder(unit.code) == holder(own.code)


def _first_day(case: Case, today: date) -> date:
    """When it was first sent: what is mended later was sent in time."""
    earlier = case.all("SEND")
    return date.fromisoformat(earlier[0].data["sent_on"]) if earlier else today


def _today(asking: Asking) -> date:
    now: datetime = asking.now
    return now.astimezone(ZoneInfo(asking.profile.zone)).date()


def look_of(case: Case, screen: str, actor: Actor, now: datetime) -> dict[str, Any]:
    """What the official had before them, for the record of the decision: the screen's hash, the device, the seconds since taking the case."""
    shown = {
        "screen": screen,
        "language": actor.language,
        "timeline": case.actions[-1].seq,
        "given": [dict(case.given(name)) for name in ("SEND", "ASK", "REQUEST", "NOTIFY", "OBJECT")],
    }
    taken = [one.at for one in case.all("TAKE") if one.person == actor.person]
    seconds = max(0, int((now - taken[-1]).total_seconds())) if taken else 0
    return {"view_sha256": sha256_of(shown), "posture": actor.posture, "seconds": seconds}


def check_return(values: Mapping[str, Any]) -> Given:
    """An official names what is wrong, by reason codes, and may say more in words."""
    reasons = list(values.get("defects") or ())
    defects = () if reasons else (Defect("defects", "missing"),)
    return Given({"defects": reasons, "words": values.get("words") or ""}, defects)
