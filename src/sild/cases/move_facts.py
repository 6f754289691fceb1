"""What a case of moving home knows, read out of its actions: who moves where, who was asked, who has answered, what can be entered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sild.cases.birth_facts import bare, known
from sild.cases.case import Case, Taken
from sild.catalogue import Profile, PublicService

__all__ = [
    "ANSWERS",
    "BY_ROLE",
    "DESK",
    "REGISTERED",
    "TO_SEND",
    "Asked",
    "Grounds",
    "Place",
    "Sent",
    "answers_of",
    "asked",
    "codes",
    "consenting",
    "content_of",
    "denied",
    "desk_status",
    "duty_of",
    "entry_of",
    "followed_lines",
    "found",
    "is_asked",
    "is_kept_from",
    "is_landlord",
    "left_out",
    "level_of",
    "movers_of",
    "notice_number",
    "office_of",
    "ours",
    "own_of",
    "sent",
    "verdict",
    "waiting_for",
]

TO_SEND = ("PLACED", "RETURNED", "MISSING")
"""In which the resident sends the notice: for the first time, mended, or again."""
DESK = ("RECEIVED", "ACCEPTED")
NOTHING_HERE = "nothing_here"
"""A body's word when it holds nothing of the person."""
REGISTERED = ("REGISTERED", "CLOSED")
BY_ROLE = {"owner": ("CONSENT", "REFUSE"), "mover": ("JOIN", "DECLINE"), "custodian": ("ALLOW", "FORBID")}
"""What each may answer, yes first."""
ANSWERS = tuple(name for names in BY_ROLE.values() for name in names)


@dataclass(frozen=True, slots=True)
class Grounds:
    """Legal grounds of what is asked for, as the published service says them."""

    household: str
    relations: str
    protection: str
    owners: str
    leases: str

    @classmethod
    def of(cls, service: PublicService) -> Grounds:
        """Raises CallerError (`no_legal_ground`): a service that may not ask cannot be opened."""
        return cls(
            household=service.ground_of("person.household"),
            relations=service.ground_of("person.family_relations"),
            protection=service.ground_of("person.protection"),
            owners=service.ground_of("dwelling.owners"),
            leases=service.ground_of("person.leases"),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """kind: `dwelling`, `division` (no further than the commune) or `abroad`.  id: of the dwelling, division or country.

    division: code of the commune, not abroad.  text: as people read it.
    """

    kind: str
    id: str
    text: str
    division: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.id, "text": self.text, "division": self.division}


@dataclass(frozen=True, slots=True)
class Sent:
    """The notice as it stands. people: codes as cases write them.  basis: `owner`, `lease`, `consent`, or none is needed.
    document: number of a lease; lease: it as a file; is_registered: the register has it.  sender: who sent it, if not the resident themselves.

    sent_on: when it was first sent, whatever was mended since; a valid receipt is something else (`ACCEPT`).
    """

    resident: str
    people: tuple[str, ...]
    place: Place
    valid_from: date
    sent_on: date
    duty_until: date
    basis: str | None
    document: str | None
    lease: Mapping[str, Any] | None
    sender: str
    is_registered: bool = False

    @property
    def content(self) -> Content:
        return content_of(self.place, self.valid_from.isoformat(), self.people)

    def is_of(self, other: Sent) -> bool:
        """Whether who answered to the one has answered to the other."""
        return self.content == other.content


Content = tuple[str, str, str, str, frozenset[str]]
"""What of a notice people answer to."""


def content_of(place: Place, valid_from: str, people: Iterable[str]) -> Content:
    """Abroad with the address, too: no register has it. valid_from: `2026-03-01`."""
    address = place.text if place.kind == "abroad" else ""
    return place.kind, place.id, address, valid_from, frozenset(people)


@dataclass(frozen=True, slots=True)
class Asked:
    """What registers said of the notice, and who was asked. Codes as cases write them.

    owners: asked for consent; none when a mover owns, or there is a lease.  own: owners who move, or have a lease made out.
    landlords: owners with whom a lease is said to be, that no register has: told of it, and not waited for.  lessors: owners, where the
    register has the lease: they hear of the home that is entered.
    joining: adults of the household.  custodians: of each minor, all who have custody.  feared: from whom a mover is protected: asked
    nothing, told nothing.  until: last day for an answer.  capacity: how many the law lets live there.
    """

    owners: tuple[str, ...]
    own: tuple[str, ...]
    joining: tuple[str, ...]
    custodians: Mapping[str, tuple[str, ...]]
    feared: tuple[str, ...]
    is_protected: bool
    until: date
    capacity: int | None
    count: int
    landlords: tuple[str, ...] = ()
    lessors: tuple[str, ...] = ()

    def all(self, resident: str) -> tuple[tuple[str, str], ...]:
        """(role, person) of everybody asked."""
        parents = dict.fromkeys(person for people in self.custodians.values() for person in people)
        wanted = [("owner", code) for code in self.owners]
        wanted += [("mover", code) for code in self.joining]
        wanted += [("custodian", code) for code in parents if code != resident]
        return tuple((role, code) for role, code in wanted if code not in self.feared)


def found(case: Case) -> Mapping[str, Any]:
    """What the resident searched for: {where, words} or {where, country}."""
    return case.given("FIND")


def sent(case: Case) -> Sent | None:
    newest = case.last("SEND")
    return None if newest is None else _sent(case, newest)


def _sent(case: Case, taken: Taken) -> Sent:
    data, first = taken.data, case.all("SEND")[0].data
    return Sent(
        resident=taken.acting_for,
        people=tuple(data["people"]),
        place=Place(**data["place"]),
        valid_from=date.fromisoformat(data["valid_from"]),
        sent_on=date.fromisoformat(first["sent_on"]),
        duty_until=date.fromisoformat(data["duty_until"]),
        basis=data["basis"],
        document=data["document"],
        lease=data.get("lease"),
        sender=taken.person,
        is_registered=bool(data.get("is_registered")),
    )


def asked(case: Case) -> Asked | None:
    """Of the notice as it stands; None before the registers have answered."""
    newest = next((taken for taken in reversed(case.since("SEND")) if taken.name == "ASK"), None)
    if newest is None:
        return None
    data = newest.data
    return Asked(
        owners=tuple(data["owners"]),
        own=tuple(data["own"]),
        joining=tuple(data["joining"]),
        custodians={child: tuple(people) for child, people in data["custodians"].items()},
        feared=tuple(data["feared"]),
        is_protected=data["is_protected"],
        until=date.fromisoformat(data["until"]),
        capacity=data["capacity"],
        count=data["count"],
        landlords=tuple(one for one in data.get("landlords", ()) if one not in data["feared"]),
        lessors=tuple(one for one in data.get("lessors", ()) if one not in data["feared"]),
    )


def _round(case: Case) -> tuple[Taken, ...]:
    """What was done since the notice was first sent as it stands: one that is sent again unchanged keeps its answers."""
    now, begin = sent(case), 0
    if now is None:
        return ()
    for taken in case.all("SEND"):
        if not _sent(case, taken).is_of(now):
            begin = 0
        elif begin == 0:
            begin = taken.seq
    return tuple(taken for taken in case.actions if taken.seq > begin)


def notice_number(case: Case, content: Content) -> int:
    """Which notice of the case says this, from 1, the newest or one that is about to be sent: unchanged it is the same again."""
    number, before = 0, None
    for taken in case.all("SEND"):
        now = _sent(case, taken).content
        number, before = number + (now != before), now
    return number + (content != before)


def answers_of(case: Case, *names: str) -> dict[str, Taken]:
    """The newest answer of each person to this notice, unless the register does not believe it. names: of one role."""
    wanted = names or ANSWERS
    newest = {taken.acting_for: taken for taken in _round(case) if taken.name in wanted}
    return {person: taken for person, taken in newest.items() if not _is_void(case, taken)}


def _is_void(case: Case, taken: Taken) -> bool:
    """Whether it was not proved to the register: then they are asked again."""
    role = next(role for role, names in BY_ROLE.items() if taken.name in names)
    return any(
        [role, taken.acting_for] in later.data["who"] for later in case.all("UNSAID") if later.seq > taken.seq
    )


def is_asked(case: Case, role: str, person: str) -> bool:
    """Whether this notice asks them; an earlier one may have, about another dwelling."""
    questions, now = asked(case), sent(case)
    return questions is not None and now is not None and (role, person) in questions.all(now.resident)


def is_landlord(case: Case, person: str) -> bool:
    """Whether this notice says that there is a lease with them."""
    questions = asked(case)
    return questions is not None and person in questions.landlords


def denied(case: Case) -> tuple[Taken, ...]:
    """Owners' words that there is no such lease, of this notice."""
    return tuple(taken for taken in _round(case) if taken.name == "DENY_LEASE")


def waiting_for(case: Case) -> tuple[tuple[str, str], ...]:
    """(role, person) of who has not answered."""
    questions, now = asked(case), sent(case)
    if questions is None or now is None:
        return ()
    said = {role: answers_of(case, *names) for role, names in BY_ROLE.items()}
    return tuple((role, code) for role, code in questions.all(now.resident) if code not in said[role])


def verdict(case: Case) -> str:
    """The status that the answers make."""
    owners = {taken.name for taken in answers_of(case, *BY_ROLE["owner"]).values()}
    done = {taken.name: taken.seq for taken in _round(case)}
    if len(owners) == 2 and "SETTLE" not in done:
        return "DISPUTED"
    if waiting_for(case) and done.get("LAPSE", 0) <= done.get("UNSAID", 0):
        return "ASKED"
    return desk_status(case)


def desk_status(case: Case) -> str:
    """With the office: its clock began when it found the notice valid, and goes on after a return."""
    return "ACCEPTED" if case.has("ACCEPT") else "RECEIVED"


def level_of(case: Case) -> str:
    """`dwelling`, `commune` or `abroad`: how exactly the home can be entered, as the answers stand."""
    now, questions = sent(case), asked(case)
    assert now is not None and questions is not None
    if now.place.kind != "dwelling":
        return "abroad" if now.place.kind == "abroad" else "commune"
    if now.basis == "lease" or own_of(case):
        return "dwelling"
    settled = next((taken for taken in reversed(_round(case)) if taken.name == "SETTLE"), None)
    if settled is not None:
        return str(settled.data["level"])
    said = {taken.name for taken in answers_of(case, *BY_ROLE["owner"]).values()}
    return "dwelling" if said == {"CONSENT"} else "commune"


def own_of(case: Case) -> tuple[str, ...]:
    """Owners who move themselves, or send the notice: one who stays where they are has let nobody in."""
    now, questions = sent(case), asked(case)
    assert now is not None and questions is not None
    return tuple(one for one in questions.own if one in (now.resident, *movers_of(case)))


def consenting(case: Case) -> tuple[str, ...]:
    """Owners whose word lets them live there."""
    said = answers_of(case, *BY_ROLE["owner"])
    return (*own_of(case), *(code for code, taken in said.items() if taken.name == "CONSENT"))


def movers_of(case: Case) -> tuple[str, ...]:
    """Who is entered: an adult who has not joined stays where they are."""
    now, questions = sent(case), asked(case)
    assert now is not None and questions is not None
    joined = answers_of(case, "JOIN", "DECLINE")
    stay = {code for code in questions.joining if code not in joined or joined[code].name == "DECLINE"}
    return tuple(code for code in now.people if code not in stay)


def left_out(case: Case) -> tuple[str, ...]:
    """Minors for whom not everybody with custody has said yes."""
    now, questions = sent(case), asked(case)
    assert now is not None and questions is not None
    said = answers_of(case, "ALLOW", "FORBID")
    yes = {code for code, taken in said.items() if taken.name == "ALLOW"} | {now.resident}
    return tuple(
        child for child, people in questions.custodians.items() if not people or not set(people) <= yes
    )


def is_kept_from(case: Case, reader: str) -> bool:
    """Whether somebody who moves is protected, and the reader is not of those who move with them: they are shown no address."""
    questions, now = asked(case), sent(case)
    if now is not None and reader == now.resident:
        return False
    if case.has("SILENCE"):
        return all(reader != one.data["person"] for one in case.all("SILENCE"))
    if questions is None or not questions.is_protected:
        return False
    return now is None or reader in questions.feared or reader not in now.people


def duty_of(profile: Profile, kind: str) -> str:
    """The deadline's name for telling of a move of this kind."""
    return "move.abroad_duty" if kind == "abroad" else "move.duty"


def office_of(profile: Profile, division: str | None, on: date) -> str | None:
    """`residence@0793`: who is competent there on that day, wherever the notice was handed in."""
    if division is None:
        return None
    _rule, unit = profile.competent("residence", division, on)
    return f"residence@{unit.code}"


def codes(people: tuple[str, ...]) -> list[str]:
    """As registers write them."""
    return [bare(person) for person in people]


def entry_of(case: Case) -> dict[str, Any]:
    """The body of `POST /moves`, as the answers stand."""
    now, questions, level = sent(case), asked(case), level_of(case)
    assert now is not None and questions is not None
    movers, unagreed = movers_of(case), left_out(case)
    to: dict[str, Any] = {"dwelling": now.place.id}
    if level == "commune":
        to = {"division": now.place.division}
    elif level == "abroad":
        to = {"abroad": {"country": now.place.id, "address": now.place.text}}
    body: dict[str, Any] = {
        "people": codes(movers),
        "to": to,
        "valid_from": now.valid_from.isoformat(),
        "sent_on": now.sent_on.isoformat(),
        "custodians": {
            bare(child): codes(people) if child not in unagreed else []
            for child, people in questions.custodians.items()
        },
    }
    if level == "commune" and now.place.kind == "dwelling":
        body["wanted"] = now.place.id
    if level == "dwelling":
        settled = case.given("SETTLE").get("document")
        if now.is_registered and not own_of(case):
            return body  # the register has the lease, and looks whom it lets in
        if now.basis == "lease" and not own_of(case):
            body["consent"] = {"kind": "lease", "document": now.document or f"sha256:{_digest(now)}"}
        elif settled and not consenting(case):
            body["consent"] = {"kind": "court", "document": settled}
        else:
            body["consent"] = {"kind": "owner", "owners": codes(consenting(case))}
    return body


def _digest(now: Sent) -> str:
    return str(now.lease["sha256"]) if now.lease is not None else ""


def ours(code: str, profile: Profile) -> str:
    """As cases write it."""
    return known(code, profile.country)


def followed_lines(case: Case) -> list[dict[str, Any]]:
    """What each body did of itself, for the resident and the children who moved; of other adults only they are told, by the body."""
    whose = (*case.persons("resident"), *case.persons("minor"))
    found: dict[tuple[str, str, str | None], dict[str, Any]] = {}
    for taken in case.all("FOLLOW"):
        said = taken.data
        if said["person"] in whose:
            line = {name: said[name] for name in ("body", "outcome", "decision")}
            found[said["body"], said["person"], said.get("about")] = line
    lines = {(_keeper(one), one["outcome"], one["decision"]): one for one in found.values()}
    did = {keeper for keeper, outcome, _decision in lines if outcome != NOTHING_HERE}
    return [
        one for (keeper, outcome, _), one in lines.items() if outcome != NOTHING_HERE or keeper not in did
    ]


def _keeper(line: Mapping[str, Any]) -> str:
    """Whose the register is: people read the name of the body, and a body may keep several."""
    return str(line["body"]).rpartition("/")[0]
