"""What follows from an action of a case of moving home: who is asked, who is told, what is done next. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sild.cases.case import Case, Party, Taken
from sild.cases.move_facts import (
    ANSWERS,
    BY_ROLE,
    answers_of,
    asked,
    codes,
    entry_of,
    is_asked,
    is_landlord,
    level_of,
    movers_of,
    sent,
    waiting_for,
)
from sild.cases.move_words import taken_back
from sild.cases.process import Effects, Job, NewNotice

__all__ = ["PAUSES", "effects_of", "entered"]

PAUSES = (
    timedelta(seconds=20),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=3),
    *(timedelta(days=1),) * 10,
)
"""After which we ask again who knows by now; then it is left to the register."""
ASKED_FOR = {
    "owner": "move.notice.consent_asked",
    "mover": "move.notice.join_asked",
    "custodian": "move.notice.custody_asked",
}


def effects_of(case: Case, taken: Taken) -> Effects:
    match taken.name:
        case "SEND" | "FOUND":
            jobs = (Job("prepare", key=str(taken.seq)), *_take_back(case, taken))
            return Effects(jobs=jobs, cancel_jobs=("prepare", "lapse"))
        case "MISS":
            return _missing(case, taken)
        case "REFER" if taken.data.get("refused"):
            return Effects(notices=_to_resident(case, "move.notice.say_again"))
        case "ASK":
            return _asked(case, taken)
        case "REMIND":
            waiting = waiting_for(case)
            return Effects(notices=tuple(NewNotice(person, ASKED_FOR[role]) for role, person in waiting))
        case "UNSAID":
            return _unsaid(case, taken)
        case "SETTLE":
            follows = _answered(case, taken)
            settle = Job("settle", _to_settle(case, taken), key=str(taken.seq))
            return replace(follows, jobs=(*follows.jobs, settle))
        case name if name in (*ANSWERS, "LAPSE"):
            follows = _answered(case, taken)
            return replace(follows, jobs=(*follows.jobs, *_take_back(case, taken)))
        case "DENY_LEASE":
            return Effects(notices=_to_resident(case, "move.notice.lease_denied"))
        case "RETURN":
            values = {"defects": list(taken.data["defects"]), "words": taken.data.get("words") or ""}
            return Effects(
                jobs=(Job("send_back", _to_send_back(case, taken), key=str(taken.seq)),),
                notices=_to_resident(case, "move.notice.returned", **values),
            )
        case "ACCEPT":
            return Effects(notices=_to_resident(case, "move.notice.accepted"))
        case "DECIDE":
            said = {"acting": taken.person, "look": taken.data.get("look") or {}}
            return Effects(jobs=(Job("register", said, key=str(taken.seq)),))
        case "REGISTER":
            return _registered(case, taken)
        case "TELL":
            return _told(case, taken)
        case "LEARN":
            return _learned(case, taken)
        case "MERGE":
            return Effects(
                notices=_to_resident(case, "move.notice.merged"), cancel_jobs=("prepare", "lapse", "remind")
            )
        case "WITHDRAW":
            follows = _withdrawn(case)
            return replace(follows, jobs=(*follows.jobs, *_take_back(case, taken)))
    return Effects()


def _take_back(case: Case, taken: Taken) -> tuple[Job, ...]:
    """The register is told that a word of theirs counts no longer."""
    earlier = taken_back(case, taken)
    if earlier is None:
        return ()
    said = {"seq": earlier.seq, "acting": taken.person, "for": taken.acting_for}
    return (Job("take_back", said, key=str(taken.seq)),)


def _unsaid(case: Case, taken: Taken) -> Effects:
    """Whoever the register does not believe hears of it, and says it again."""
    people = dict.fromkeys(person for _role, person in taken.data["who"])
    end = datetime.combine(
        date.fromisoformat(taken.data["until"]) + timedelta(days=1), time(0), taken.at.tzinfo
    )
    jobs = (Job("lapse", at=end, key=str(taken.seq)),) if case.status == "ASKED" else ()
    return Effects(jobs=jobs, notices=tuple(NewNotice(one, "move.notice.say_again") for one in people))


def _to_send_back(case: Case, taken: Taken) -> dict[str, Any]:
    """For the record of a return: the notice as it was sent then, by its office's own words."""
    look = {**taken.data.get("look", {}), "words": taken.data.get("words") or ""}
    body = {**entry_of(case), "reasons": list(taken.data["defects"]), "official": look}
    return {"acting": taken.person, "body": body}


def _to_settle(case: Case, taken: Taken) -> dict[str, Any]:
    """For the record of what was found about owners who differ."""
    now = sent(case)
    assert now is not None
    said = answers_of(case, *BY_ROLE["owner"])
    lets = taken.data["level"] == "dwelling"
    body = {
        "dwelling": now.place.id,
        "people": codes(now.people),
        "consented": codes(tuple(code for code, one in said.items() if one.name == "CONSENT")),
        "refused": codes(tuple(code for code, one in said.items() if one.name == "REFUSE")),
        "lets_live_there": lets,
        "document": taken.data.get("document") or None,
        "words": taken.data["words"],
        "valid_from": now.valid_from.isoformat(),
        "official": taken.data.get("look") or {},
    }
    return {"acting": taken.person, "body": body}


def _missing(case: Case, taken: Taken) -> Effects:
    """The register that does not know somebody is named, and asked to put it right."""
    registers = sorted({absent["register"] for absent in taken.data["absent"]})
    told = [
        notice for register in registers for notice in _to_resident(case, f"move.notice.missing_{register}")
    ]
    absent = tuple(dict.fromkeys(one["person"] for one in taken.data["absent"]))
    return Effects(
        parties=tuple(Party("missing", person) for person in absent),  # so that news of them find the case
        jobs=(Job("correction", key=str(taken.seq)),),
        notices=tuple(told),
    )


def _asked(case: Case, taken: Taken) -> Effects:
    questions, now = asked(case), sent(case)
    assert questions is not None and now is not None
    waiting = waiting_for(case)
    parties = [Party("minor", child) for child in questions.custodians]
    parties += [Party(role, person) for role, person in waiting]
    parties += [Party("owner", landlord) for landlord in questions.landlords]
    until = questions.until.isoformat()
    notices = [NewNotice(person, ASKED_FOR[role], {"until": until}) for role, person in waiting]
    notices += [NewNotice(landlord, "move.notice.lease_said") for landlord in questions.landlords]
    jobs: list[Job] = []
    if case.status == "ASKED":
        end = datetime.combine(questions.until + timedelta(days=1), time(0), taken.at.tzinfo)
        jobs.append(Job("lapse", at=end, key=str(taken.seq)))
        half = datetime.combine(questions.until - timedelta(days=3), time(7), UTC)
        if half > taken.at:
            jobs.append(Job("remind", at=half, key=str(taken.seq)))
    return Effects(
        parties=tuple(parties), office=taken.data["office"], jobs=tuple(jobs), notices=tuple(notices)
    )


def _answered(case: Case, taken: Taken) -> Effects:
    if case.status == "ASKED":
        return Effects()
    told = []
    if case.status == "DISPUTED" and taken.name == "LAPSE":
        return Effects()
    if case.status == "DISPUTED":
        told = [*_to_resident(case, "move.notice.disputed")]
        owners = answers_of(case, *BY_ROLE["owner"])
        told += [NewNotice(owner, "move.notice.owners_differ") for owner in owners]
        return Effects(notices=tuple(told), cancel_jobs=("remind",))
    if _owners_say_no(case):
        told = [*_to_resident(case, "move.notice.commune_only")]
    elif taken.name == "LAPSE":
        told = [*_to_resident(case, "move.notice.lapsed")]
    return Effects(notices=tuple(told), cancel_jobs=("lapse", "remind"))


def _owners_say_no(case: Case) -> bool:
    now = sent(case)
    return now is not None and now.place.kind == "dwelling" and level_of(case) == "commune"


def _registered(case: Case, taken: Taken) -> Effects:
    text = "move.notice.merged" if taken.data["merged"] else "move.notice.registered"
    told = [
        NewNotice(person, text)
        for person in dict.fromkeys((*case.persons("resident"), *_adults(case, taken)))
    ]
    lessors: tuple[str, ...] = ()
    if taken.data["level"] == "dwelling" and not taken.data["merged"]:
        questions = asked(case)
        lessors = () if questions is None else questions.lessors
        owners = [owner for owner in case.persons("owner") if is_asked(case, "owner", owner)]
        told += [NewNotice(owner, "move.notice.owner_told") for owner in owners]
        landlords = [owner for owner in case.persons("owner") if is_landlord(case, owner)]
        told += [NewNotice(owner, "move.notice.landlord_told") for owner in landlords]
    return Effects(
        parties=tuple(Party("owner", owner) for owner in lessors),
        jobs=(Job("deliveries", key=str(taken.seq)),),
        notices=(*told, *(NewNotice(owner, "move.notice.lessor_told") for owner in lessors)),
    )


def _adults(case: Case, taken: Taken) -> list[str]:
    """Of those who were entered now, who has an inbox of their own here."""
    return [person for person in case.persons("mover") if person in taken.data["people"]]


def _told(case: Case, taken: Taken) -> Effects:
    failed = taken.data["failed"]
    if case.status == "CLOSED" or not failed:
        return Effects(notices=_to_resident(case, "move.notice.told", count=len(taken.data["told"])))
    pause = PAUSES[len(case.all("TELL")) - 1]
    tries = [datetime.fromisoformat(one["next_try"]) for one in failed if one["next_try"]]
    soonest = min(tries, default=taken.at + pause)
    return Effects(jobs=(Job("deliveries", at=max(soonest, taken.at + pause), key=str(taken.seq)),))


def _learned(case: Case, taken: Taken) -> Effects:
    """A home of somebody who moves here was registered: perhaps this very one, sent by another of the household."""
    now = sent(case)
    if now is None or taken.data["person"] not in now.people:
        return Effects()
    return Effects(jobs=(Job("compare", key=str(taken.seq)),))


def _withdrawn(case: Case) -> Effects:
    """Whoever was asked, whether they have answered or not, hears that it is over."""
    questions = asked(case)
    people = [person for _role, person in waiting_for(case)]
    if questions is not None:
        people += [
            person for role in BY_ROLE for person in case.persons(role) if is_asked(case, role, person)
        ]
        people += questions.landlords
    told = [NewNotice(person, "move.notice.withdrawn") for person in dict.fromkeys(people)]
    return Effects(notices=tuple(told), cancel_jobs=("prepare", "lapse", "remind", "correction"))


def _to_resident(case: Case, text: str, **values: Any) -> tuple[NewNotice, ...]:  # of the text's places
    return tuple(NewNotice(person, text, values) for person in case.persons("resident"))


def entered(case: Case) -> tuple[str, ...]:
    """Who was registered; before that, who is to be."""
    return tuple(case.given("REGISTER").get("people", ())) or movers_of(case)
