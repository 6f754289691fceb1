"""What a case of birth knows, read out of its actions: the child, the parents, what was declared, who is protected from whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sild.cases.case import Case, Taken
from sild.catalogue import Profile, PublicService
from sild.errors import CallerError

__all__ = [
    "BY_LAW",
    "CARE",
    "EDUCATION",
    "INSURANCE",
    "LATER",
    "POPULATION",
    "RESIDENCE",
    "SOCIAL",
    "Grounds",
    "Recorded",
    "bare",
    "certificate_of",
    "child_of",
    "choices_named",
    "country_of",
    "declared",
    "doctor_wished",
    "has_home",
    "homes_of",
    "is_done",
    "is_entered",
    "is_kept_from",
    "is_offered",
    "is_offered_a_place",
    "is_refused",
    "known",
    "named_father",
    "needs_account",
    "office_for",
    "recorded",
    "refused_first",
    "results_of",
    "same_names",
    "signed_by",
    "standing_of",
    "word_awaited",
]

POPULATION = "GOV/70000002/population"
RESIDENCE = "GOV/70000006/residence"
INSURANCE = "GOV/70000003/insurance"
SOCIAL = "GOV/70000004/social"
EDUCATION = "GOV/70000005/education"
CARE = "GOV/70000003/care"
BY_LAW, LATER = "by_law", "later"
"""Of a family doctor: the list the law gives; to be chosen later, until when it is the same."""

VIETNAMESE_LENGTHS = (12, 10)
"""An identity number of Viet Nam; Estonia's has 11 digits."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """Legal grounds of what is asked for, as the published service says them."""

    notice: str
    relations: str
    protection: str
    residence: str
    cover: str
    benefits: str
    places: str
    practice: str

    @classmethod
    def of(cls, service: PublicService) -> Grounds:
        """Raises CallerError (`no_legal_ground`): a service that may not ask cannot be opened."""
        return cls(
            notice=service.ground_of("child.birth_notice"),
            relations=service.ground_of("person.family_relations"),
            protection=service.ground_of("person.protection"),
            residence=service.ground_of("person.residence"),
            cover=service.ground_of("child.insurance_cover"),
            benefits=service.ground_of("child.benefit_offer"),
            places=service.ground_of("commune.kindergarten_places"),
            practice=service.ground_of("person.practice"),
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the population register said of the birth. Codes as cases write them (`known`).

    claimed_father: the man the notice names, until he and the mother have answered.  protected: (who, from whom), as far as it holds.
    foreign: a parent of another country.  is_late: the birth was registered before we heard of it.
    """

    child: str
    born: date
    mother: str | None
    father: str | None
    claimed_father: str | None
    paternity: str
    choose_by: date
    protected: tuple[tuple[str, str], ...]
    foreign: bool
    is_late: bool

    @property
    def country(self) -> str:
        return country_of(self.child)

    @property
    def needs_paternity(self) -> bool:
        """Both the mother and the man named have to answer."""
        return self.paternity == "WAITING" and self.claimed_father is not None

    def parents(self) -> tuple[str, ...]:
        """Who chooses the name together; somebody of whom a parent is protected is left to people."""
        found = [code for code in (self.mother, self.father) if code is not None]
        return tuple(code for code in found if not self.is_feared(code))

    def is_feared(self, person: str) -> bool:
        return any(against == person for _protected, against in self.protected)


def recorded(case: Case) -> Recorded | None:
    """None before the population register has answered."""
    said = case.given("RECORD")
    if not said:
        return None
    lifted = {taken.data["against"] for taken in case.all("LIFT")}
    return Recorded(
        child=said["child"],
        born=date.fromisoformat(said["born"]),
        mother=said["mother"],
        father=said["father"],
        claimed_father=said["claimed_father"],
        paternity=said["paternity"],
        choose_by=date.fromisoformat(said["choose_by"]),
        protected=tuple((who, against) for who, against in said["protected"] if against not in lifted),
        foreign=said["foreign"],
        is_late=said["is_late"],
    )


def named_father(case: Case) -> str | None:
    """The man named: by the notice of the birth, or before an official."""
    said = recorded(case)
    if said is None:
        return None
    here = next((one.data["father"] for one in case.all("TAKE_PATERNITY") if one.data.get("father")), None)
    return said.claimed_father or here


def child_of(case: Case) -> str:
    """The child's bare identity code."""
    return bare(case.persons("child")[0])


def declared(case: Case, *, before: Taken | None = None) -> Taken | None:
    """The declaration that holds: the first since the last return. A second name never takes its place.

    before: a return: the one that was sent back by it.
    """
    if before is not None and before.name == "RETURN":
        earlier = [taken.seq for taken in case.all("RETURN") if taken.seq < before.seq]
        round_ = (taken for taken in case.all("DECLARE") if max(earlier, default=0) < taken.seq < before.seq)
        return next(round_, None)
    return next((taken for taken in case.since("RETURN") if taken.name == "DECLARE"), None)


def signed_by(case: Case, first: Taken) -> list[str]:
    """Bare codes of the parents who signed the names of a declaration: their own, or the other's."""
    signed = [
        taken.acting_for
        for taken in case.all("DECLARE", "COSIGN")
        if taken.seq >= first.seq and (taken.name == "COSIGN" or same_names(first.data, taken.data))
    ]
    return [bare(person) for person in dict.fromkeys(signed)]


def same_names(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(name) == other.get(name) for name in ("given_names", "family_name"))


def is_kept_from(case: Case, *readers: str) -> bool:
    """Whether somebody in the case is protected from one of these: then they see no address but their own, and no door of the child's.

    Of an order of which nobody said whom it is against, everybody but the protected is kept away. From the day after an order's last
    nobody is kept away by it.
    """
    said = recorded(case)
    if said is not None and any(said.is_feared(reader) for reader in readers):
        return True
    orders = [taken.data for taken in case.silences() if taken.data["reason"] == "protection_order"]
    return any(
        reader == order["against"] if order.get("against") else reader != order["person"]
        for order in orders
        for reader in readers
    )


def office_for(profile: Profile, matter: str, lives: Mapping[str, Any], on: date) -> str | None:
    """Code of the unit that decides a matter where somebody lives, from the residence register's answer; None: nobody says."""
    units = lives.get("now") or ([lives["division"]] if lives.get("division") else [])
    try:
        return profile.competent(matter, units[0]["code"], on)[1].code if units else None
    except CallerError:
        return None


def homes_of(case: Case) -> Iterator[tuple[str, str]]:
    """(`mother`, `father` or `guardian`, person), of those who act as parents and live: to whose home the child can come."""
    said = recorded(case)
    roles = {said.mother: "mother", said.father or said.claimed_father: "father"} if said is not None else {}
    for person in case.persons("parent"):
        if person not in case.departed():
            yield roles.get(person, "guardian"), person


def is_done(case: Case) -> bool:
    """Everything that was promised has come, or was refused, and nothing waits for a parent's word."""
    come = all(case.has(name) for name in ("REGISTER", "COVER", "CARD", "QUEUE"))
    come = come and has_home(case)
    waits = case.given("QUEUE").get("state") == "offered" or needs_account(case) or _wishes_anew(case)
    waits = waits or _awaits_doctor(case)
    paid_or_not = case.status == "GRANTED" or (case.status == "REGISTERED" and is_refused(case))
    return paid_or_not and come and not waits


def has_home(case: Case) -> bool:
    """The child's home is entered, or an official has decided that none is."""
    return case.has("ENTER_HOME") or is_entered(case.last("ADDRESS"))


def is_entered(taken: Taken | None) -> bool:
    return taken is not None and taken.data["state"] == "entered"


def is_offered(case: Case) -> bool:
    """Benefits are offered, and not held since or refused. What was accepted is not."""
    said = case.all("OFFER", "HOLD_OFFER")
    return bool(said) and said[-1].name == "OFFER"


def is_refused(case: Case) -> bool:
    """An official refused the benefits, and nothing has overturned that."""
    said = case.all("OFFER", "HOLD_OFFER", "GRANT")
    return bool(said) and _refuses(said[-1])


def refused_first(case: Case) -> Taken | None:
    """The refusal that answered what the board had promised; None: it has offered, or still owes an answer."""
    said = next(
        (one for one in case.all("OFFER", "HOLD_OFFER") if one.name == "OFFER" or _refuses(one)), None
    )
    return said if said is not None and _refuses(said) else None


def _refuses(taken: Taken) -> bool:
    return taken.name == "HOLD_OFFER" and taken.data["reason"] == "refused"


def needs_account(case: Case, person: str | None = None) -> bool:
    """Money of a parent who lives (of this person) came back, or never left for want of an account, and they gave none since that the
    board took."""
    back: dict[int, str] = {}
    given: dict[str, dict[int, str]] = {}
    for taken in case.all("PAYMENT_RETURNED", "PAID", "GIVE_ACCOUNT", "REFUSE_ACCOUNT"):
        if taken.name == "PAYMENT_RETURNED":
            back[taken.data["order"]] = taken.data["person"]
        elif taken.name == "PAID":
            back.pop(taken.data["order"], None)
        elif taken.name == "GIVE_ACCOUNT":
            mine = {order: whose for order, whose in back.items() if whose == taken.acting_for}
            given[taken.acting_for] = mine
            back = {order: whose for order, whose in back.items() if order not in mine}
        else:
            back |= given.pop(taken.data["person"], {})
    alive = set(case.persons("parent")) - case.departed()
    return any(whose in alive and person in (None, whose) for whose in back.values())


def choices_named(case: Case) -> dict[str, str]:
    """Who named which choice of the offer as it stands, where the other parent's word is waited for."""
    version = case.given("OFFER").get("version")
    waits = [one.data for one in case.all("AWAIT_WORD") if one.data["version"] == version]
    return {one["person"]: one["choice"] for one in waits}


def word_awaited(case: Case) -> Mapping[str, Any] | None:
    """The newest choice of the offer as it stands that waits for a parent's word: `choice`, `person`, `waits_for`; None: none does."""
    said = case.all("OFFER", "HOLD_OFFER", "AWAIT_WORD", "GRANT")
    newest = next((one for one in reversed(said) if one.name != "OFFER"), None)
    version = case.given("OFFER").get("version")
    if newest is None or newest.name != "AWAIT_WORD" or newest.data["version"] != version:
        return None
    return newest.data


def is_offered_a_place(case: Case) -> bool:
    """And no parent has answered since it was offered, or the answer was not taken."""
    said = case.all("QUEUE", "TAKE_PLACE", "DECLINE_PLACE", "REFUSE_PLACE", "WISH", "REFUSE_WISH")
    if not said or case.given("QUEUE").get("state") != "offered":
        return False
    return said[-1].name in ("QUEUE", "REFUSE_PLACE", "REFUSE_WISH")


def _wishes_anew(case: Case) -> bool:
    """And the register has not answered yet."""
    said = case.all("QUEUE", "WISH", "REFUSE_WISH")
    return bool(said) and said[-1].name != "QUEUE"


def doctor_wished(said: Taken | None) -> str | None:
    """The practice that somebody wants the register to enter; None: the law's, or later."""
    wanted = None if said is None else said.data.get("doctor")
    return None if wanted in (None, "", BY_LAW, LATER) else str(wanted)


def _awaits_doctor(case: Case) -> bool:
    """A practice was chosen, and the register has not answered yet."""
    said = case.all("CHOOSE_DOCTOR", "DOCTOR", "REFUSE_DOCTOR")
    if case.silences() or (said and said[-1].name != "CHOOSE_DOCTOR"):
        return False
    newest = said[-1] if said else declared(case)
    return (
        newest is not None and doctor_wished(newest) is not None and newest.acting_for not in case.departed()
    )


def _doctor_of(case: Case) -> dict[str, Any]:
    """What the register made of the choice; no name where a protection order keeps one parent's doors from the other."""
    said = case.all("CHOOSE_DOCTOR", "DOCTOR", "REFUSE_DOCTOR")
    if not said or said[-1].name == "CHOOSE_DOCTOR":
        return {}
    if said[-1].name == "REFUSE_DOCTOR":
        return {"doctor_refused": said[-1].data["reason"]}
    known_of = recorded(case)
    is_open = known_of is not None and not known_of.protected and not case.silences()
    return {"doctor_since": said[-1].data["since"], **({"doctor": said[-1].data["name"]} if is_open else {})}


def standing_of(queue: Mapping[str, Any]) -> dict[str, Any]:
    """Of the education register's answer what people see."""
    group = queue.get("group") or {}
    names = ("state", "place", "waiting", "reason", "review_on", "rule", "decision")
    found = {name: queue.get(name) for name in names}
    return {**found, "kindergarten": group.get("name"), "wanted_from": queue.get("wanted_from")}


def results_of(case: Case) -> dict[str, Any]:
    """What came out, as it stands: names, address, cover, card, benefits, kindergarten; or why there is silence."""
    found: dict[str, Any] = {}
    for action, taken_from in _RESULTS.items():
        data = case.given(action)
        found |= {key: data[name] for key, name in taken_from.items() if data.get(name) not in (None, [])}
    if "offer_held" in found and (is_offered(case) or case.has("GRANT")):
        del found["offer_held"]
    if is_refused(case):
        found["offer_refused"] = found.pop("offer_held")
    found |= _doctor_of(case)
    decisions = list(_decisions(case))
    if decisions:
        found["decisions"] = decisions
    silenced = [taken.data for taken in case.silences()]
    silence = silenced[-1] if silenced else case.given("REST")
    return {**found, "silence": silence["reason"]} if silence else found


def certificate_of(case: Case) -> str | None:
    """Id of the entry of which parents can have a certificate; None: not registered, or there is silence."""
    decision = case.given("REGISTER").get("decision")
    return None if case.status == "SILENCED" or decision is None else str(decision)


def _decisions(case: Case) -> Iterator[list[str]]:
    """Register, id and what it is, of the decisions that stand: one made again after a correction takes the place of the first."""
    newer = {one.data.get("supersedes"): one.data.get("decision") for one in case.all("CORRECT")}
    offer = "HOLD_OFFER" if is_refused(case) else "OFFER"
    for action, register, what in (
        *_DECIDED,
        (offer, "social", "refusal" if offer == "HOLD_OFFER" else "offer"),
    ):
        decision = case.given(action).get("decision")
        while decision in newer:
            decision = newer.pop(decision)
        if decision is not None:
            yield [register, decision, what]


_DECIDED = (
    ("REGISTER", "population", "registration"),
    ("COVER", "insurance", "cover"),
    ("QUEUE", "education", "place"),
)

_RESULTS: Mapping[str, Mapping[str, str]] = {
    "REGISTER": {
        "given_names": "given_names",
        "family_name": "family_name",
        "registered_at": "registered_at",
    },
    "ADDRESS": {"address": "state", "address_defects": "defects"},
    "ENTER_HOME": {"address": "state", "address_defects": "defects"},
    "COVER": {"cover_from": "valid_from"},
    "CARD": {"card_number": "number"},
    "HOLD_OFFER": {"offer_held": "reason"},
    "GRANT": {"benefits": "choice"},
    "QUEUE": {
        "kindergarten": "kindergarten",
        "kindergarten_state": "state",
        "kindergarten_place": "place",
        "kindergarten_reason": "reason",
        "kindergarten_review_on": "review_on",
        "kindergarten_rule": "rule",
    },
}


def bare(person: str) -> str:
    """`VN001080012345` -> `001080012345`, as registers write it."""
    return person[2:] if person[:2].isalpha() else person


def known(code: str, country: str) -> str:
    """As cases of a country write it: its own people's codes alone, a foreigner's with the country in front."""
    return bare(code) if country_of(code) == country else country_of(code) + bare(code)


def country_of(code: str) -> str:
    if code[:2].isalpha():
        return code[:2]
    return "VN" if len(code) in VIETNAMESE_LENGTHS else "EE"
