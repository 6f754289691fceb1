"""What follows from an action of a case of birth: who is told, what is done next. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sild.cases.actor import AUTOMATIC
from sild.cases.birth_bereaved import living
from sild.cases.birth_doctor import entering_doctor
from sild.cases.birth_facts import Recorded, declared, is_done, is_refused, recorded, same_names, signed_by
from sild.cases.birth_on_paper import handed_in_by
from sild.cases.birth_paternity import taken_here
from sild.cases.birth_silent import LAPSED, is_left_signed, lapse_of
from sild.cases.case import Case, Party, Taken
from sild.cases.process import Effects, Job, NewNotice
from sild.cases.refusals import UNPROVEN

__all__ = ["AT_THE_DESK", "BEFORE_NAME", "effects_of"]

BEFORE_NAME = ("OPENED", "DECLARED", "RETURNED")
AT_THE_DESK = ("AGREED", "DIFFERED")
REMINDER = timedelta(days=7)
"""So long before the last day for a name who has not chosen is reminded."""


def effects_of(case: Case, taken: Taken) -> Effects:
    match taken.name:
        case "OPEN" if "offline" in case.data:
            return Effects(jobs=(Job("bring_in"),))
        case "KNOW":
            return Effects(parties=(Party("child", taken.data["child"]),))
        case "SETTLED":
            return Effects(jobs=(Job("bring_in", key=str(taken.seq)),))
        case "RECORD":
            return _recorded(case)
        case "DECLARE" | "COSIGN" | "PROPOSE":
            return _answered(case, taken)
        case "ACKNOWLEDGE" | "DENY":
            arguments = {
                "parent": taken.acting_for,
                "acting": taken.person,
                "answer": taken.name,
                "custody": taken.data.get("custody", "joint"),
            }
            return Effects(jobs=(Job("paternity", arguments),))
        case "PATERNITY":
            return _paternity(case, taken)
        case "TAKE_PATERNITY":
            return taken_here(case, taken)
        case "CONTEST_PATERNITY":
            arguments = {"words": taken.data["words"], "acting": taken.person, "for": taken.acting_for}
            return Effects(jobs=(Job("contest_paternity", arguments, key=str(taken.seq)),))
        case "PATERNITY_CONTESTED":
            return _contested(taken)
        case "EXAMINE":
            return _examined(case, taken)
        case "REMIND":
            idle = {said.acting_for for said in case.since("RETURN") if said.name in ("DECLARE", "COSIGN")}
            waited_for = [
                notice for notice in _to_parents(case, "birth.notice.choose_by") if notice.person not in idle
            ]
            return Effects(notices=tuple(waited_for))
        case "LAPSE":
            return _lapsed(case, taken)
        case "SILENCE" if case.status in BEFORE_NAME:
            return Effects(jobs=lapse_of(case, taken))  # people go on by hand; the office has to know
        case "LIFT" if case.status != "SILENCED":
            return _lifted(case)
        case "HALT" if case.status in BEFORE_NAME:
            return Effects(jobs=lapse_of(case, taken))
        case "BEREAVE":
            return _bereaved(case, taken)
        case "REVIVE":
            return _revived(case, taken)
        case "ENTRUST" if case.departed():
            return _entrusted(case, taken)
        case "APPROVE" | "ENTER_OFFLINE" | "NAME_FOR":
            return Effects(jobs=(Job("register", _names_to_register(case, taken)),))
        case "RETURN":
            defects = list(taken.data["defects"])
            back = Job("send_back", {**_names_to_register(case, taken), "reasons": defects})
            return Effects(
                jobs=(back, *lapse_of(case, taken)),
                cancel_jobs=("lapse",),
                notices=_to_parents(
                    case, "birth.notice.returned", defects=defects, words=taken.data.get("words") or ""
                ),
            )
        case "REGISTER":
            return _registered(case, taken)
        case "COVER" | "CARD" | "ADDRESS" | "ENTER_HOME":
            return Effects(jobs=_closing(case), notices=_news(case, taken))
        case "QUEUE":
            wish = (Job("wish"),) if _has_a_wish(case, taken) else ()
            jobs = (*wish, *_closing(case))
            return Effects(jobs=jobs, notices=_news(case, taken), cancel_jobs=_not_closing(case))
        case "TAKE_PLACE" | "DECLINE_PLACE":
            arguments = {
                "accept": taken.name == "TAKE_PLACE",
                "acting": taken.person,
                "for": taken.acting_for,
            }
            accepted, declined = "birth.notice.place_taken_by_other", "birth.notice.place_declined_by_other"
            told = _to_other(case, taken, accepted if arguments["accept"] else declined)
            return Effects(jobs=(Job("answer_place", arguments, key=str(taken.seq)),), notices=told)
        case "REFUSE_PLACE":
            return _not_taken(taken, "birth.notice.place_refused")
        case "WISH":
            arguments = {**taken.data, "acting": taken.person, "for": taken.acting_for}
            job = Job("wish_anew", arguments, key=str(taken.seq))
            told = _to_other(case, taken, "birth.notice.wish_changed", kindergarten=taken.data["name"])
            return Effects(jobs=(job,), notices=told, cancel_jobs=_not_closing(case))
        case "REFUSE_WISH":
            return _not_taken(taken, "birth.notice.wish_refused")
        case "CHOOSE_DOCTOR":
            return Effects(jobs=entering_doctor(case, taken), cancel_jobs=_not_closing(case))
        case "DOCTOR":
            return Effects(jobs=_closing(case))
        case "REFUSE_DOCTOR":
            refused = _not_taken(taken, "birth.notice.doctor_refused")
            return Effects(jobs=_closing(case), notices=refused.notices)
        case "HOLD_OFFER":
            return _held(case, taken)
        case "OFFER":
            return _offered(case, taken)
        case "ACCEPT":
            job = Job("accept", {**taken.data, "acting": taken.person, "for": taken.acting_for})
            told = () if taken.data.get("waits") else _to_other(case, taken, "birth.notice.chosen_by_other")
            return Effects(jobs=(job,), notices=told)  # or AWAIT_WORD tells
        case "AWAIT_WORD":
            return Effects(notices=_awaited(case, taken))
        case "REFUSE_ACCEPTANCE":
            return _not_taken(taken, "birth.notice.acceptance_refused")
        case "PAYMENT_RETURNED":
            return Effects(notices=_returned(case, taken), cancel_jobs=_not_closing(case))
        case "GIVE_ACCOUNT":
            arguments = {**taken.data, "acting": taken.person, "for": taken.acting_for}
            told = _to_other(case, taken, "birth.notice.account_given_by_other")
            return Effects(jobs=(Job("account", arguments, key=str(taken.seq)),), notices=told)
        case "REFUSE_ACCOUNT":
            return _not_taken(taken, "birth.notice.account_refused")
        case "TAKE_ACCOUNT":
            return Effects(jobs=_closing(case))
        case "CORRECT":
            return Effects(notices=_to_parents(case, "birth.notice.decision_corrected"))
        case "GRANT":
            return Effects(jobs=_closing(case), notices=_to_parents(case, "birth.notice.granted"))
    return Effects()


def _not_taken(taken: Taken, text: str) -> Effects:
    """A register did not take what somebody said: they are told, and say it again if it was not proved that it is their word."""
    reason = taken.data["reason"]
    told = "birth.notice.say_again" if reason in UNPROVEN else text
    return Effects(notices=(NewNotice(taken.data["person"], told, {"reason": reason}),))


def _returned(case: Case, taken: Taken) -> tuple[NewNotice, ...]:
    """Whose money it is hears of it; of several payments that come back one after the other, once."""
    person = taken.data["person"]
    before = [
        one
        for one in case.all("PAYMENT_RETURNED", "GIVE_ACCOUNT")
        if one.seq < taken.seq and person in (one.acting_for, one.data.get("person"))
    ]
    if person not in living(case) or (before and before[-1].name == "PAYMENT_RETURNED"):
        return ()
    wanted = taken.data["reason"] == "no_account"
    text = "birth.notice.account_wanted" if wanted else "birth.notice.payment_returned"
    return (NewNotice(person, text),)


def _awaited(case: Case, taken: Taken) -> tuple[NewNotice, ...]:
    """A choice moves money to the other parent, or takes it from them: both hear for whose word it waits."""
    told = {taken.data["person"]: "birth.notice.word_awaited"}
    told |= dict.fromkeys(taken.data["waits_for"], "birth.notice.word_asked")
    return tuple(NewNotice(person, told[person]) for person in living(case) if person in told)


def _to_other(case: Case, taken: Taken, text: str, **values: Any) -> tuple[NewNotice, ...]:
    """To the parents who did not do it."""
    heard = _to_parents(case, text, **values)
    return tuple(notice for notice in heard if notice.person != taken.acting_for)


def _recorded(case: Case) -> Effects:
    said = recorded(case)
    assert said is not None
    office = case.given("RECORD").get("office")
    parents = said.parents()
    parties = [Party("parent", person) for person in parents]
    if "offline" in case.data:
        asked = _asked_about_paternity(said)
        told = [NewNotice(person, "birth.notice.paternity_asked") for person in asked]
        parties += [Party("named", person) for person in asked]
        return Effects(parties=tuple(parties), office=office, notices=tuple(told))
    if said.is_late or case.has("REGISTER"):
        known = [NewNotice(person, *news) for person in parents for news in _so_far(case)]
        late = (Job("address"),) if case.has("REGISTER") else ()
        jobs = (Job("registered"), Job("catch_up"), *late)
        return Effects(parties=tuple(parties), office=office, jobs=jobs, notices=tuple(known))
    values = {"born": said.born.isoformat(), "choose_by": said.choose_by.isoformat()}
    told = [NewNotice(person, "birth.notice.child_recorded", values) for person in parents]
    day = datetime.combine(said.choose_by, time(7), UTC) - REMINDER
    if said.needs_paternity:
        asked = _asked_about_paternity(said)
        parties += [Party("named", person) for person in asked]
        told += [
            NewNotice(person, "birth.notice.paternity_asked") for person in asked if person not in parents
        ]
    waits = (Job("remind", at=day), *lapse_of(case, case.actions[-1]))
    return Effects(parties=tuple(parties), office=office, jobs=waits, notices=tuple(told))


def _lifted(case: Case) -> Effects:
    """Who was left out because of an order that is over comes in, and is asked what is still asked."""
    said = recorded(case)
    if said is None:
        return Effects()
    joins = [("parent", person) for person in said.parents()]
    joins += [("named", person) for person in _asked_about_paternity(said)]
    gone = case.departed()
    new = [(role, one) for role, one in joins if one not in case.persons(role) and one not in gone]
    return Effects(parties=tuple(Party(role, person) for role, person in new))


def _asked_about_paternity(said: Recorded) -> list[str]:
    named = [said.mother, said.claimed_father] if said.needs_paternity else []
    return [code for code in named if code is not None and not said.is_feared(code)]


def _so_far(case: Case) -> list[tuple[str, dict[str, Any]]]:
    """Texts and values of what was recorded before it was known whom to tell."""
    found: list[tuple[str, dict[str, Any]]] = []
    if case.has("REGISTER"):
        found.append((_words_of_registration(case), _names(case.given("REGISTER"))))
    if case.has("CARD"):
        found.append(("birth.notice.card", {}))
    if case.status == "OFFERED":
        found.append(("birth.notice.offer_ready", {}))
    if case.has("QUEUE"):
        found += _of_place(case.given("QUEUE"))
    return found


def _answered(case: Case, taken: Taken) -> Effects:
    """A declaration, or the other parent's word to it."""
    others = [person for person in living(case) if person != taken.acting_for]
    if case.status in ("DECLARED", LAPSED):
        asked = tuple(NewNotice(person, "birth.notice.cosign_asked", _names(taken.data)) for person in others)
        if case.status == LAPSED:
            return Effects(jobs=(Job("examine", key=str(taken.seq)),), notices=asked)
        return Effects(jobs=lapse_of(case, taken), notices=asked, cancel_jobs=("lapse",))
    notices: tuple[NewNotice, ...] = ()
    if case.status == "DIFFERED":
        first = declared(case)
        assert first is not None
        told = {**_names(first.data), "sent_at": first.at.isoformat()}
        notices = (
            NewNotice(taken.acting_for, "birth.notice.first_name_holds", told),
            *(NewNotice(person, "birth.notice.other_name_sent") for person in others),
        )
    return Effects(jobs=(Job("examine", key=str(taken.seq)),), notices=notices)


def _contested(taken: Taken) -> Effects:
    reason = taken.data["reason"]
    if reason is None:
        return Effects()
    text = "birth.notice.say_again" if reason in UNPROVEN else "birth.notice.contest_refused"
    return Effects(notices=(NewNotice(taken.data["person"], text, {"reason": reason}),))


def _paternity(case: Case, taken: Taken) -> Effects:
    effects = _settled(case, taken)
    if "here" not in taken.data:
        return effects
    return replace(effects, notices=(*_said_here(case, taken), *effects.notices))


def _said_here(case: Case, taken: Taken) -> tuple[NewNotice, ...]:
    """Both of them hear whose word it was, and that it can be contested."""
    here = taken.data["here"]
    own, other = _HERE[here["answer"]]
    return tuple(
        NewNotice(person, own if person == here["parent"] else other) for person in case.persons("named")
    )


_HERE = {
    "ACKNOWLEDGE": (
        "birth.notice.paternity_here_acknowledged",
        "birth.notice.paternity_here_other_acknowledged",
    ),
    "DENY": ("birth.notice.paternity_here_denied", "birth.notice.paternity_here_other_denied"),
}


def _settled(case: Case, taken: Taken) -> Effects:
    status, father = taken.data["status"], taken.data.get("father")
    is_at_desk = case.status in AT_THE_DESK or is_left_signed(case)
    again = (Job("examine", key=str(taken.seq)),) if is_at_desk else ()
    if "offline" in case.data and status in ("ACKNOWLEDGED", "DENIED") and declared(case) is None:
        again = (Job("bring_in", key=str(taken.seq)),)  # the names on the paper waited for it
    if status == "ACKNOWLEDGED" and father:
        joins = (Party("parent", father),)
        first = declared(case)
        text = "birth.notice.paternity_acknowledged" if first is None else "birth.notice.cosign_asked"
        values = _names(first.data) if first is not None else {}
        anew = case.status == "DECLARED"  # asked of him from now on
        told = (NewNotice(father, text, values),)
        if anew:
            return Effects(parties=joins, jobs=lapse_of(case, taken), notices=told, cancel_jobs=("lapse",))
        return Effects(parties=joins, jobs=again, notices=told)
    if status == "DENIED":
        return Effects(jobs=again, notices=_to_parents(case, "birth.notice.paternity_denied"))
    if taken.data.get("unproven"):
        return Effects(notices=(NewNotice(taken.data["unproven"], "birth.notice.say_again"),))
    return Effects(jobs=again)


def _lapsed(case: Case, taken: Taken) -> Effects:
    """Both hear what comes next, and that they can still answer."""
    first = declared(case)
    if first is None:
        return Effects(notices=_to_parents(case, "birth.notice.lapsed_unnamed"))
    told = _to_parents(case, "birth.notice.lapsed_signed", **_names(first.data))
    return Effects(jobs=(Job("examine", key=str(taken.seq)),), notices=told)


def _bereaved(case: Case, taken: Taken) -> Effects:
    """One quiet word to who lives; what was left unsaid is for an official, who acts for the register to say."""
    jobs = [Job("entrust", key=str(taken.seq))]
    if case.status in AT_THE_DESK or is_left_signed(case):
        jobs.append(Job("examine", key=str(taken.seq)))
    return Effects(jobs=tuple(jobs), notices=_to_parents(case, "birth.notice.bereaved"))


def _revived(case: Case, taken: Taken) -> Effects:
    """A death was none: the case goes on where it stood, asks again what it missed, and says so once."""
    key = str(taken.seq)
    jobs: list[Job] = [Job("entrust", key=key)] if case.departed() else []
    if not case.has("RECORD"):
        jobs.append(Job("revived", key=key))
    elif case.status in AT_THE_DESK:
        jobs.append(Job("examine", key=key))
    elif case.status in BEFORE_NAME:
        jobs += lapse_of(case, taken)
    elif case.has("REGISTER"):
        jobs += [Job("catch_up", key=key), *_closing(case)]
    return Effects(jobs=tuple(jobs), notices=_to_parents(case, "birth.notice.revived"))


def _entrusted(case: Case, taken: Taken) -> Effects:
    """A guardian acts as a parent from now on. The one who is told is not told again."""
    joins = [Party("parent", one) for one in taken.data["guardians"] if one not in case.persons("parent")]
    told = tuple(NewNotice(party.person, "birth.notice.entrusted") for party in joins)
    return Effects(parties=tuple(joins), notices=told)


def _examined(case: Case, taken: Taken) -> Effects:
    office = taken.data.get("office") if case.office is None else None
    if taken.data["is_bound"]:
        return Effects(office=office)
    return Effects(office=office, notices=_to_parents(case, "birth.notice.with_official"))


def _registered(case: Case, taken: Taken) -> Effects:
    notices = list(_to_parents(case, _words_of_registration(case), **_names(taken.data)))
    first = declared(case)
    if first is not None and not same_names(first.data, taken.data):
        notices += _to_parents(case, "birth.notice.other_name_registered", **_names(taken.data))
    if case.status == "OFFERED":  # the offer was here before
        notices += _to_parents(case, "birth.notice.offer_ready")
    return Effects(
        jobs=(Job("address"), *entering_doctor(case, first), *_closing(case)),
        notices=tuple(notices),
        cancel_jobs=("examine", "remind", "lapse"),
    )


def _words_of_registration(case: Case) -> str:
    """No congratulations where a parent has died."""
    return "birth.notice.registered_quietly" if case.departed() else "birth.notice.registered"


def _offered(case: Case, taken: Taken) -> Effects:
    """Told once for each version of the offer."""
    before = [offer.data for offer in case.all("OFFER") if offer.seq < taken.seq]
    ended = _not_closing(case)
    if case.status != "OFFERED" or taken.data in before:
        return Effects(cancel_jobs=ended)
    return Effects(notices=_to_parents(case, "birth.notice.offer_ready"), cancel_jobs=ended)


def _held(case: Case, taken: Taken) -> Effects:
    """Told once for each state of the offer; refused, the case may have come to its end."""
    key = "birth.notice.offer_refused" if is_refused(case) else "birth.notice.offer_held"
    before = [said for said in case.all("OFFER", "HOLD_OFFER") if said.seq < taken.seq][-1:]
    is_known = any(said.name == "HOLD_OFFER" and said.data == taken.data for said in before)
    told = () if is_known else _to_parents(case, key, reason=taken.data["reason"])
    return Effects(jobs=_closing(case), notices=told)


def _news(case: Case, taken: Taken) -> tuple[NewNotice, ...]:
    """One notice for the card, and one for where the child stands, when that is new; the rest is only seen in the case."""
    if taken.name == "CARD":
        return _to_parents(case, "birth.notice.card")
    if taken.name != "QUEUE":
        return ()
    before = next((queued.data for queued in reversed(case.all("QUEUE")) if queued.seq < taken.seq), {})
    if all(before.get(name) == taken.data.get(name) for name in ("state", "kindergarten", "review_on")):
        return ()
    return tuple(
        notice for text, values in _of_place(taken.data) for notice in _to_parents(case, text, **values)
    )


def _of_place(stands: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    if stands["state"] == "offered":
        return [("birth.notice.place_offered", {"kindergarten": stands["kindergarten"]})]
    if stands["reason"] == "no_free_place":
        values = {name: stands[name] for name in ("kindergarten", "place", "review_on")}
        return [("birth.notice.no_place_yet", values)]
    return []


def _has_a_wish(case: Case, taken: Taken) -> bool:
    """The child has just come into the queue, and the parents named a kindergarten, or would take any."""
    first = declared(case)
    if first is None or not first.data.get("wants_place") or taken.data["reason"] != "no_wish":
        return False
    is_first = len([queued for queued in case.all("QUEUE") if queued.data["reason"] == "no_wish"]) == 1
    wished = str(first.data.get("kindergarten", ""))
    return is_first and (wished == "any" or wished.isdigit())


def _names(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"given_names": data.get("given_names"), "family_name": data.get("family_name")}


def _names_to_register(case: Case, taken: Taken) -> dict[str, Any]:
    """The names that hold, who signed them, and who registers them or sends them back.

    What an office wrote down without a connection is entered by the official who handed it in.
    """
    said: Mapping[str, Any] = taken.data
    signed, acting = None, taken.person
    if taken.name not in ("ENTER_OFFLINE", "NAME_FOR"):
        first = declared(case, before=taken)
        assert first is not None
        said, signed = first.data, signed_by(case, first)
    elif acting == AUTOMATIC and taken.name == "ENTER_OFFLINE":
        acting = taken.data.get("handed_in_by") or handed_in_by(case)
    words = [str(taken.data[name]) for name in ("words", "hearing") if taken.data.get(name)]
    look = {"words": " ".join(words), **taken.data.get("look", {})}
    decided_in = taken.data.get("decided_in")  # another case, whose paper it was
    return {
        **_names(said),
        "without_father": bool(taken.data.get("without_father")),
        "left_to_office": bool(taken.data.get("left_to_office")),
        "signed_by": signed,
        "look": look,
        "acting": acting,
        **({} if decided_in is None else {"decided_in": decided_in}),
    }


def _closing(case: Case) -> tuple[Job, ...]:
    return (Job("close"),) if is_done(case) else ()


def _not_closing(case: Case) -> tuple[str, ...]:
    """Asked to close it before this came: it waits for a parent's word again."""
    return () if is_done(case) else ("close",)


def _to_parents(case: Case, text: str, **values: Any) -> tuple[NewNotice, ...]:  # of the text's places
    return tuple(NewNotice(person, text, values) for person in living(case))
