"""J2, moving home: a resident says who moves where; owners and custodians answer; an official registers it (docs/journeys.md).

    OPENED ─FIND▶ PLACED ─SEND▶ SENT ─ASK▶ ASKED ─answers▶ RECEIVED ─ACCEPT▶ ACCEPTED ─DECIDE▶ REGISTERING ─REGISTER▶ REGISTERED
                    ▲             └─MISS▶ MISSING ─FOUND▶ SENT   └▶ DISPUTED ─SETTLE▶ ┘ └──RETURN──┴▶ RETURNED                  TELL▶ CLOSED
                    └──── SEND ◀──────────┴─────────────────────────────────────────────────┘

The day of sending is kept apart from the valid receipt, with which the clock begins (ACCEPT). Owners who refuse or say nothing leave
an entry to the level of the commune; owners who differ stop the case for people. A home that another notice has registered already
ends this one (MERGE). Whose word the register does not believe says it again (UNSAID); who said yes can take it back until an
official has decided. After a protection order people go on by hand; after the resident's death there is silence.

move_facts.py  what the case knows     move_effects.py  what follows     move_jobs.py  what takes time
move_words.py  what people say to the register
move_screens.py, move_answers.py  what is shown, chosen from, and looked over     removal.py  "this person does not live here"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from sild.cases.actor import Actor, Reader
from sild.cases.case import Case, Taken
from sild.cases.move_answers import check_notice, check_place, check_return, look_of
from sild.cases.move_effects import PAUSES, effects_of, entered
from sild.cases.move_facts import (
    ANSWERS,
    BY_ROLE,
    DESK,
    TO_SEND,
    Grounds,
    answers_of,
    asked,
    desk_status,
    followed_lines,
    is_asked,
    is_kept_from,
    is_landlord,
    left_out,
    level_of,
    movers_of,
    sent,
    verdict,
)
from sild.cases.move_jobs import MoveJobs
from sild.cases.move_screens import MoveScreens
from sild.cases.move_words import statement_of
from sild.cases.packs import Packs
from sild.cases.process import OPENED, Asking, Effects, Given, JobFunction, Process, Rule, Statement, Waiting
from sild.cases.refusals import Refused
from sild.cases.views import FactLine, FailedBody, Options
from sild.catalogue import Defect, Screen
from sild.i18n import Texts

__all__ = ["Move"]

OPEN_ANSWERS = ("ASKED", "DISPUTED")
TO_TAKE_BACK = ("ASKED", *DESK)
"""In which whoever said yes can say no, and nobody waits for it."""
ANSWERABLE = (*OPEN_ANSWERS, *DESK)
REGISTER, SETTLE, UNDO = "residence/registerMove", "residence/settleOwners", "residence/withdrawWord"
SENT_AND_OPEN = ("SENT", *OPEN_ANSWERS, *DESK)
"""On its way, and nothing is entered yet: it can be taken back."""
BEFORE_ENTRY = (OPENED, *TO_SEND, "SENT", "ASKED", "DISPUTED", *DESK)


class Move(Process):
    service = "move"
    opener = "resident"
    rules = (
        # the resident
        Rule("FIND", by=("resident",), when=(OPENED, *TO_SEND), screen="move.place"),
        Rule("SEND", by=("resident",), when=TO_SEND, to="SENT", screen="move.notice", acr="substantial", says=("population/missPerson", "residence/missPerson", REGISTER, UNDO)),
        Rule("WITHDRAW", by=("resident",), when=(OPENED, *TO_SEND, *SENT_AND_OPEN), to="WITHDRAWN", screen="move.withdraw", says=(UNDO,)),
        # whose word is needed
        Rule("CONSENT", by=("owner",), when=ANSWERABLE, screen="move.consent", acr="substantial", says=(REGISTER, SETTLE, UNDO)),
        Rule("REFUSE", by=("owner",), when=ANSWERABLE, screen="move.consent", acr="substantial", says=(SETTLE, UNDO)),
        Rule("DENY_LEASE", by=("owner",), when=TO_TAKE_BACK, screen="move.no_lease", acr="substantial", once="person"),
        Rule("JOIN", by=("mover",), when=TO_TAKE_BACK, screen="move.join", acr="substantial", says=(REGISTER, UNDO)),
        Rule("DECLINE", by=("mover",), when=TO_TAKE_BACK, screen="move.join", acr="substantial", says=(UNDO,)),
        Rule("ALLOW", by=("custodian",), when=TO_TAKE_BACK, screen="move.custody", acr="substantial", says=(REGISTER, UNDO)),
        Rule("FORBID", by=("custodian",), when=TO_TAKE_BACK, screen="move.custody", acr="substantial", says=(UNDO,)),
        Rule("ASK", by=("state",), when=("SENT",)),
        Rule("MISS", by=("state",), when=("SENT", "REGISTERING"), to="MISSING"),
        Rule("REFER", by=("state",), when=("MISSING",)),
        Rule("FOUND", by=("state",), when=("MISSING",), to="SENT"),
        Rule("REMIND", by=("state",), when=("ASKED",)),
        Rule("LAPSE", by=("state",), when=OPEN_ANSWERS),
        # the official
        Rule("SETTLE", by=("official",), when=("DISPUTED",), screen="move.dispute", decides=True),
        Rule("ACCEPT", by=("official",), when=("RECEIVED",), to="ACCEPTED", screen="move.desk", decides=True),
        Rule("RETURN", by=("official", "supervisor"), when=DESK, to="RETURNED", screen="move.desk", decides=True, stops="returned", is_return=True),
        Rule("DECIDE", by=("official",), when=("ACCEPTED",), to="REGISTERING", screen="move.decide", decides=True),
        # the registers
        Rule("HALT", by=("state",), when=("REGISTERING",), to="ACCEPTED"),
        Rule("UNSAID", by=("state",), when=("REGISTERING",)),
        Rule("REGISTER", by=("state",), to="REGISTERED", once="case"),
        Rule("TELL", by=("state",), when=("REGISTERED",)),
        Rule("FOLLOW", by=("state",), reopens=True),
        Rule("LEARN", by=("state",), when=("SENT", "ASKED", "DISPUTED", *DESK, "RETURNED")),
        Rule("MERGE", by=("state",), when=("SENT", "ASKED", "DISPUTED", *DESK, "RETURNED"), to="MERGED"),
        Rule("SILENCE", by=("state",)),
    )  # fmt: skip
    waiting = (
        Waiting("move.place", "resident", (OPENED,)),
        Waiting("move.notice", "resident", TO_SEND),
        Waiting("move.withdraw", "resident", (*TO_SEND, *SENT_AND_OPEN), optional=True),
        Waiting("move.consent", "owner", OPEN_ANSWERS, deadline="move.owner_answer"),
        Waiting("move.join", "mover", ("ASKED",), deadline="move.owner_answer"),
        Waiting("move.custody", "custodian", ("ASKED",), deadline="move.owner_answer"),
        Waiting("move.consent", "owner", TO_TAKE_BACK, optional=True),
        Waiting("move.no_lease", "owner", TO_TAKE_BACK, until=("DENY_LEASE",), optional=True),
        Waiting("move.join", "mover", TO_TAKE_BACK, optional=True),
        Waiting("move.custody", "custodian", TO_TAKE_BACK, optional=True),
        Waiting("move.dispute", "official", ("DISPUTED",)),
        Waiting("move.desk", "official", ("RECEIVED",)),
        Waiting("move.decide", "official", ("ACCEPTED",)),
    )
    events: ClassVar[Mapping[str, str]] = {
        "residence.changed": "heard",
        "person.known": "found",
        "education.home.followed": "follow",
        "insurance.home.followed": "follow",
        "social.home.followed": "follow",
        "care.home.followed": "follow",
        "tax.home.followed": "follow",
        "electoral.home.followed": "follow",
        "parking.home.followed": "follow",
    }
    silenced: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "resident": ("death", "protection_order"),
        "mover": ("protection_order",),
        "minor": ("death", "stillbirth", "protection_order"),
    }
    visible: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "resident": ("mover", "minor"),
        "mover": ("resident", "minor"),
        "custodian": ("minor",),
        "official": ("resident", "mover", "minor", "custodian", "owner"),
    }
    closed = ("CLOSED", "WITHDRAWN", "MERGED", "SILENCED")
    represents = ("SEND",)

    def __init__(self, packs: Packs) -> None:
        """packs: with the service, whose grounds every message cites, and its texts. Raises CallerError (`no_legal_ground`)."""
        self._grounds = Grounds.of(packs.services[self.service])
        self._jobs = MoveJobs(self.service, self._grounds)
        self._screens = MoveScreens(self._grounds, Texts(packs.profile.languages, packs.texts))

    # --- the fold

    def status(self, status: str, taken: Taken, before: Case) -> str:
        now = before.with_action(taken, status)
        match taken.name:
            case "FIND" if status == OPENED:
                return "PLACED"
            case name if name in (*ANSWERS, "ASK", "LAPSE", "SETTLE"):
                return verdict(now)
            case "UNSAID":
                again = any(role == "resident" for role, _person in taken.data["who"])
                return "RETURNED" if again else verdict(now)
            case "TELL":
                last = len(now.all("TELL")) > len(PAUSES)
                return "CLOSED" if last or not taken.data["failed"] else status
            case "SILENCE":
                return self._silenced(status, taken, now)
        return super().status(status, taken, before)

    def _silenced(self, status: str, taken: Taken, now: Case) -> str:
        """A death ends it. After a protection order, what waited for others' answers or for a machine is with the office."""
        if taken.data["reason"] != "protection_order":
            return "SILENCED"
        if status == "SENT":
            return "RETURNED"  # nobody has been asked; whether anybody is to be, the resident says anew
        return desk_status(now) if status in ("ASKED", "DISPUTED", "REGISTERING") else status

    def asks(self, case: Case, waiting: Waiting, person: str) -> bool:
        """Who has answered is asked no more; owners who differ may think again, and whoever has answered can answer otherwise."""
        if waiting.role not in BY_ROLE:
            return True
        if waiting.screen == "move.no_lease":
            return is_landlord(case, person)
        said = answers_of(case, *BY_ROLE[waiting.role])
        if waiting.optional:
            return is_asked(case, waiting.role, person) and person in said
        return is_asked(case, waiting.role, person) and (case.status == "DISPUTED" or person not in said)

    # --- what is given

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        match rule.name:
            case "FIND":
                return check_place(values)
            case "SEND":
                return await check_notice(case, values, actor, asking, self._grounds)
            case "RETURN":
                returned = check_return(values)
                return Given({**returned.data, "look": _look(case, rule, actor, asking)}, returned.defects)
            case "SETTLE":
                settled = _settled(values)
                return Given({**settled.data, "look": _look(case, rule, actor, asking)}, settled.defects)
            case "DECIDE":
                missing = (Defect("", "custodian_missing"),) if left_out(case) else ()
                nobody = (Defect("", "nobody_moves"),) if not movers_of(case) else ()
                given = {"level": level_of(case), "look": _look(case, rule, actor, asking)}
                return Given(given, (*missing, *nobody))
            case "DENY_LEASE" if not is_landlord(case, actor.acting_for):
                raise Refused("no lease with you is spoken of here", code="too_late")
            case name if name in ANSWERS:
                _ensure_asked(case, name, actor)
        return Given({})

    def speaks_for(self, case: Case, rule: Rule, given: Mapping[str, Any]) -> Sequence[str]:
        """A parent sends the notice for their children who move with them, too."""
        return given.get("represents", ()) if rule.name == "SEND" else ()

    def statement(self, case: Case, rule: Rule, given: Mapping[str, Any]) -> Statement | None:
        return statement_of(case, rule.name, given)

    def after(self, case: Case, taken: Taken) -> Effects:
        return effects_of(case, taken)

    # --- what takes time, what is shown

    def jobs(self) -> Mapping[str, JobFunction]:
        return self._jobs.by_kind()

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        return await self._screens.options(case, screen, actor, asking)

    async def suggested(self, case: Case, screen: Screen, actor: Actor) -> Mapping[str, Sequence[str]]:
        return self._screens.suggested(case, screen)

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        return await self._screens.facts(case, of, actor, asking)

    def names_office(self, case: Case) -> bool:
        """Not where the new place is kept from somebody in the case: a custodian who stays behind, whom a mover is protected from."""
        questions, now = asked(case), sent(case)
        if questions is None or now is None or not super().names_office(case):
            return False
        parents = {code for people in questions.custodians.values() for code in people}
        return not questions.is_protected and parents <= {now.resident, *now.people}

    def shown(self, case: Case, taken: Taken, role: str, reader: Reader) -> Mapping[str, Any]:
        """The resident reads who knows; nobody but the office, what was found out about people."""
        return dict(taken.data) if role == "resident" and taken.name in ("TELL", "HALT", "REFER") else {}

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        """Where they live now, who knows, and who could not be told yet."""
        found = case.given("REGISTER")
        if not found or role in ("owner", "missing"):
            return {}
        people = entered(case)
        mine = role in ("resident", "mover")
        hidden = role == "custodian" or (role != "resident" and is_kept_from(case, ""))
        text = None if hidden else found["text"]
        told = case.given("TELL")
        results = {
            "level": found["level"],
            "place": text,
            "sealed": True if hidden else None,
            "valid_from": found["valid_from"],
            "people": len(people),
            "merged": found["merged"] or None,
        }
        if told and mine:
            results["bodies_know"] = told["told"]
        if role == "resident" and (lines := followed_lines(case)):
            results["followed"] = lines
        return {name: value for name, value in results.items() if value is not None}

    def untold(self, case: Case, role: str) -> Sequence[FailedBody]:
        """Subscribers of the residence register that have not taken the change yet."""
        if role not in ("resident", "mover", "official"):
            return ()
        return [
            FailedBody(
                one["body"],
                "register_down",
                datetime.fromisoformat(one["next_try"]) if one["next_try"] else None,
            )
            for one in case.given("TELL").get("failed", ())
        ]


def _ensure_asked(case: Case, answer: str, actor: Actor) -> None:
    """Nobody answers to a notice that was sent anew, about somebody else's dwelling or children. Raises Refused."""
    role = next(role for role, names in BY_ROLE.items() if answer in names)
    has_answered = actor.acting_for in answers_of(case, *BY_ROLE[role])
    if not is_asked(case, role, actor.acting_for) or (case.status in DESK and not has_answered):
        raise Refused("you are not asked any more", code="too_late")


def _look(case: Case, rule: Rule, actor: Actor, asking: Asking) -> dict[str, Any]:
    return look_of(case, str(rule.screen), actor, asking.now)


def _settled(values: Mapping[str, Any]) -> Given:
    """A dispute of owners ends with a judgment or their agreement, by its number, or with the commune alone."""
    level, document = values.get("level"), values.get("document")
    missing = level == "dwelling" and not document
    return Given(
        {"level": level, "document": document, "words": values.get("words") or ""},
        (Defect("document", "missing"),) if missing else (),
    )
