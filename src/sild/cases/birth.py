"""J1, the birth of a child: the state hears of it, the parents choose a name, everything else comes to them (docs/journeys.md).

    OPENED ──DECLARE──▶ DECLARED ──COSIGN──▶ AGREED ──APPROVE──▶ REGISTERING ──REGISTER──▶ REGISTERED ──OFFER──▶ OFFERED
       ▲                    └─────PROPOSE──▶ DIFFERED ──┘ │                                  ACCEPT──▶ ACCEPTED ──GRANT──▶
       └── DECLARE ── RETURNED ◀──RETURN────────┴─────────┘                                  GRANTED ──CLOSE──▶ CLOSED

A parent alone is agreed with themselves. Of two names the first valid signature holds. Paternity is a branch of its own: denied,
it stops, the others go on. COVER, CARD and QUEUE come when other bodies say so, in any order, and move no status. A kindergarten
place that is offered waits for a parent (TAKE_PLACE, DECLINE_PLACE), and REOPENs a case that was closed before; so does a parent's
other WISH while the child waits, and another choice of a family doctor (CHOOSE_DOCTOR) where the register refused one (REFUSE_DOCTOR). An offer that was
refused (HOLD_OFFER) has nothing to be paid: REGISTERED then goes to CLOSED; overturned, it is an OFFER again, and REOPENs. After a
death or a stillbirth the case falls silent; after a protection order people go on by hand, and when it is over whom it was against takes
part again (LIFT). Parents who say nothing until the last day
leave the name to the office (LAPSE), and may answer until it has decided. When a parent dies (BEREAVE) it goes on
without them: who acts is whom the population register names (ENTRUST), and while that is nobody the office names the child (NAME_FOR).

birth_facts.py  what the case knows     birth_effects.py  what follows     birth_jobs.py, birth_follow.py  what takes time
birth_on_paper.py  written by an office, with the child's code or before there is one
birth_paternity.py  paternity, said by the two or before an official
birth_wish.py  another kindergarten wish     birth_doctor.py  the family doctor
birth_bereaved.py  without a parent who died     birth_silent.py  without an answer
birth_kept.py  under a protection order
birth_payments.py  what was paid, what came back
birth_screens.py, birth_answers.py  what is shown, chosen from, and looked over
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from sild.cases.actor import Actor, Reader
from sild.cases.birth_answers import check_acceptance, check_offline, check_return, look_of, name_defects
from sild.cases.birth_bereaved import (
    BirthBereaved,
    is_for_nobody,
    is_left_agreed,
    living,
    may_act,
)
from sild.cases.birth_doctor import BirthDoctor, may_choose_doctor
from sild.cases.birth_effects import AT_THE_DESK, BEFORE_NAME, effects_of
from sild.cases.birth_facts import (
    Grounds,
    certificate_of,
    child_of,
    choices_named,
    declared,
    is_entered,
    is_kept_from,
    is_offered,
    is_offered_a_place,
    needs_account,
    recorded,
    refused_first,
    results_of,
    same_names,
    word_awaited,
)
from sild.cases.birth_jobs import BirthJobs
from sild.cases.birth_kept import ACTIONS as OPEN_ACTIONS
from sild.cases.birth_kept import SCREENS as OPEN_SCREENS
from sild.cases.birth_kept import is_kept, open_results
from sild.cases.birth_paternity import (
    HERE,
    BirthPaternity,
    check_answer,
    check_contest,
    check_here,
    contests,
    has_answered,
    is_open,
    left_to_answer,
)
from sild.cases.birth_payments import BirthPayments, payment_results
from sild.cases.birth_screens import BirthScreens
from sild.cases.birth_silent import (
    GROUND,
    LAPSED,
    SILENT,
    BirthSilent,
    is_left_signed,
    is_left_unnamed,
    still_lapsed,
    unheard,
)
from sild.cases.birth_wish import BirthWish, may_wish
from sild.cases.case import Case, Taken
from sild.cases.packs import Packs
from sild.cases.process import OPENED, Asking, Effects, Given, JobFunction, Process, Rule, Waiting
from sild.cases.refusals import Refused
from sild.cases.views import FactLine, Options
from sild.catalogue import Screen
from sild.i18n import Texts

__all__ = ["Birth"]


WITH_A_PLACE = ("REGISTERED", "OFFERED", "ACCEPTED", "GRANTED")
"""The birth is registered, so the child stands in the queue, and a place may be offered."""


TO_NAME = (*BEFORE_NAME, LAPSED)
"""A name can be given."""
TO_DECIDE = (*AT_THE_DESK, LAPSED)
PATERNITY_OPEN = (*TO_NAME, *AT_THE_DESK)
CONTESTABLE = (*PATERNITY_OPEN, "REGISTERING", *WITH_A_PLACE, "CLOSED")


class Birth(Process):
    service = "birth"
    rules = (
        Rule("OPEN", by=("state",)),
        Rule("KNOW", by=("state",), once="case"),
        Rule("AWAIT", by=("state",)),
        Rule("SETTLED", by=("state",)),
        Rule("TURN_DOWN", by=("state",), to="CLOSED"),
        Rule("JOIN", by=("state",), to="CLOSED", once="case"),
        Rule("RECORD", by=("state",), once="case"),
        Rule("REMIND", by=("state",), when=("OPENED", "DECLARED"), once="case"),
        Rule("LAPSE", by=("state",), when=BEFORE_NAME, to=LAPSED),
        Rule("REST", by=("state",), to="SILENCED"),
        Rule("SILENCE", by=("state",)),
        Rule("LIFT", by=("state",)),
        Rule("BEREAVE", by=("state",)),
        Rule("REVIVE", by=("state",), reopens=True),
        Rule("ENTRUST", by=("state",)),
        # the parents
        Rule("DECLARE", by=("parent",), when=TO_NAME, screen="birth.check_and_name", acr="substantial", says=("education/wishPlace", "care/choosePractice")),
        Rule("COSIGN", by=("parent",), when=("DECLARED", LAPSED), to="AGREED", screen="birth.cosign", acr="substantial"),
        Rule("PROPOSE", by=("parent",), when=("DECLARED", LAPSED), to="DIFFERED", screen="birth.cosign", acr="substantial"),
        Rule("ACKNOWLEDGE", by=("named",), screen="birth.paternity", acr="high", in_person=True, says=("population/answerPaternity",)),
        Rule("DENY", by=("named",), screen="birth.paternity", acr="high", in_person=True, says=("population/answerPaternity",)),
        Rule("TAKE_PATERNITY", by=("official", "supervisor"), when=PATERNITY_OPEN, screen=HERE, decides=True, says=("population/recordPaternity",)),
        Rule("PATERNITY", by=("state",)),
        Rule("CONTEST_PATERNITY", by=("named",), screen="birth.paternity_contest", says=("population/disputeFact",), reopens=True),
        Rule("PATERNITY_CONTESTED", by=("state",), reopens=True),
        # the official, or a rule where nothing is left to discretion
        Rule("EXAMINE", by=("state",), when=TO_DECIDE),
        Rule("APPROVE", by=("official", "state"), when=(*TO_DECIDE, "REGISTERING"), to="REGISTERING", screen="birth.desk", decides=True),
        Rule("RETURN", by=("official", "supervisor"), when=TO_DECIDE, to="RETURNED", screen="birth.desk", decides=True, stops="returned", is_return=True),
        Rule("ENTER_OFFLINE", by=("official", "state"), when=(*TO_NAME, *AT_THE_DESK), to="REGISTERING", screen="birth.offline", decides=True, numbered="reserved_number"),
        Rule("NAME_FOR", by=("official", "supervisor"), when=TO_NAME, to="REGISTERING", screen="birth.by_office", decides=True),
        Rule("HALT", by=("state",), when=("REGISTERING",)),
        Rule("REGISTER", by=("state",), to="REGISTERED", once="case"),
        # what other bodies do
        Rule("ADDRESS", by=("state",), once="case"),
        Rule("ENTER_HOME", by=("state",), once="case", reopens=True),
        Rule("COVER", by=("state",), once="case"),
        Rule("CARD", by=("state",), once="case"),
        Rule("QUEUE", by=("state",)),
        Rule("TAKE_PLACE", by=("parent",), when=WITH_A_PLACE, screen="birth.place", acr="substantial", says=("education/answerPlace",)),
        Rule("DECLINE_PLACE", by=("parent",), when=WITH_A_PLACE, screen="birth.place", acr="substantial", says=("education/answerPlace",)),
        Rule("REFUSE_PLACE", by=("state",)),
        Rule("WISH", by=("parent",), when=(*WITH_A_PLACE, "CLOSED"), screen="birth.wish", acr="substantial", reopens=True, says=("education/wishPlace",)),
        Rule("REFUSE_WISH", by=("state",)),
        Rule("DOCTOR", by=("state",)),
        Rule("REFUSE_DOCTOR", by=("state",)),
        Rule("CHOOSE_DOCTOR", by=("parent",), when=(*WITH_A_PLACE, "CLOSED"), screen="birth.doctor", acr="substantial", reopens=True, says=("care/choosePractice",)),
        Rule("CORRECT", by=("state",), reopens=True),
        Rule("REOPEN", by=("state",), when=("CLOSED",), reopens=True),
        Rule("HOLD_OFFER", by=("state",)),
        Rule("OFFER", by=("state",)),
        Rule("ACCEPT", by=("parent",), when=("OFFERED",), to="ACCEPTED", screen="birth.offer", acr="substantial", says=("social/acceptOffer",)),
        Rule("AWAIT_WORD", by=("state",), when=("ACCEPTED",), to="OFFERED"),
        Rule("REFUSE_ACCEPTANCE", by=("state",), when=("ACCEPTED",), to="OFFERED"),
        Rule("GRANT", by=("state",), to="GRANTED", once="case"),
        Rule("PAID", by=("state",), reopens=True),
        Rule("PAYMENT_RETURNED", by=("state",), when=("GRANTED", "CLOSED"), to="GRANTED", reopens=True),
        Rule("GIVE_ACCOUNT", by=("parent",), when=("GRANTED",), screen="birth.account", acr="substantial", says=("social/changeAccount",)),
        Rule("TAKE_ACCOUNT", by=("state",)),
        Rule("REFUSE_ACCOUNT", by=("state",), when=("GRANTED",)),
        Rule("CLOSE", by=("state",), when=("REGISTERED", "GRANTED"), to="CLOSED"),
    )  # fmt: skip
    waiting = (
        Waiting("birth.check_and_name", "parent", ("OPENED", "RETURNED", LAPSED)),
        Waiting("birth.cosign", "parent", ("DECLARED", LAPSED)),
        Waiting("birth.paternity", "named", PATERNITY_OPEN),
        Waiting(HERE, "official", PATERNITY_OPEN, optional=True),
        Waiting("birth.paternity_contest", "named", CONTESTABLE, optional=True),
        Waiting("birth.desk", "official", TO_DECIDE),
        Waiting("birth.by_office", "official", TO_NAME),
        Waiting("birth.offline", "official", (*TO_NAME, *AT_THE_DESK), optional=True),
        Waiting("birth.place", "parent", WITH_A_PLACE),
        Waiting("birth.wish", "parent", (*WITH_A_PLACE, "CLOSED"), optional=True),
        Waiting("birth.doctor", "parent", (*WITH_A_PLACE, "CLOSED"), optional=True),
        Waiting("birth.offer", "parent", ("OFFERED",)),
        Waiting("birth.offer", "parent", ("OFFERED",), optional=True),
        Waiting("birth.account", "parent", ("GRANTED",)),
    )
    events: ClassVar[Mapping[str, str]] = {
        "civil.child.recorded": "begin",
        "civil.paper.settled": "paper_settled",
        "civil.birth.registered": "registered",
        "civil.guardian.recorded": "entrust",
        "insurance.cover.began": "cover",
        "insurance.card.issued": "card",
        "decision.corrected": "corrected",
        "social.offer.made": "offer",
        "social.offer.held": "offer",
        "social.benefit.granted": "granted",
        "social.payment.executed": "payment",
        "social.payment.returned": "payment",
        "education.queue.joined": "queue",
        "education.wait.reviewed": "queue",
        "education.place.offered": "queue",
    }
    silenced: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "child": ("death", "stillbirth", "protection_order"),
        "parent": ("protection_order",),
    }
    mourned: ClassVar[Mapping[str, tuple[str, ...]]] = {"parent": ("death",), "named": ("death",)}
    visible: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "parent": ("child", "parent"),
        "named": ("child",),
        "official": ("child", "parent", "named"),
    }
    closed = ("CLOSED", "SILENCED")

    def __init__(self, packs: Packs) -> None:
        """packs: with the service, whose grounds every message cites, and its texts.

        Raises CallerError (`no_legal_ground`), also where no law says that an office may name a child.
        """
        grounds = Grounds.of(packs.services[self.service])
        packs.profile.ground(GROUND)
        self._jobs = BirthJobs(self.service, grounds)
        self._payments = BirthPayments(self.service, grounds)
        self._wish = BirthWish(grounds)
        self._doctor = BirthDoctor(grounds)
        self._bereaved = BirthBereaved(self.service, grounds)
        self._paternity = BirthPaternity(grounds)
        texts = Texts(packs.profile.languages, packs.texts)
        self._screens = BirthScreens(grounds, texts, self._wish, self._doctor)

    # --- the fold

    def status(self, status: str, taken: Taken, before: Case) -> str:
        match taken.name:
            case "DECLARE":
                return self._declared(status, taken, before)
            case "PATERNITY" if taken.data["status"] == "ACKNOWLEDGED" and status == "AGREED":
                return "DECLARED"  # who has become a parent chooses the name, too
            case "BEREAVE" if status in ("DECLARED", LAPSED) and is_left_agreed(before, taken):
                return "AGREED"  # nobody is left who would agree: an official looks
            case "HALT" if still_lapsed(before):
                return LAPSED
            case "HALT":
                return "AGREED" if declared(before) is not None else "OPENED"
            case "SILENCE":
                return status if taken.data["reason"] == "protection_order" else "SILENCED"
            case "REVIVE" if status == "SILENCED":
                return self._before_silence(before)
            case "REGISTER":
                return _benefits(before, "REGISTERED")
            case "OFFER":
                return _benefits(before, "OFFERED") if before.has("REGISTER") else status
            case "HOLD_OFFER" if status == "OFFERED":
                return "REGISTERED"  # nothing to be accepted, for now or for good
            case "REOPEN" | "WISH" | "CHOOSE_DOCTOR" if status == "CLOSED":
                return "GRANTED" if before.has("GRANT") else "REGISTERED"
        return super().status(status, taken, before)

    def _before_silence(self, case: Case) -> str:
        """Where it stood when it fell silent the last time."""
        status, stood = OPENED, replace(case, actions=(), status=OPENED)
        for taken in case.actions:
            stood = stood.with_action(taken, self.status(stood.status, taken, stood))
            if stood.status != "SILENCED":
                status = stood.status
        return status

    def _declared(self, status: str, taken: Taken, before: Case) -> str:
        """A declaration while another's waits is an answer to it. One that comes late the office has, with or without the other's word."""
        first = declared(before)
        if first is not None:
            return "AGREED" if same_names(first.data, taken.data) else "DIFFERED"
        if taken.data["alone"]:
            return "AGREED"
        return LAPSED if status == LAPSED else "DECLARED"

    def asks(self, case: Case, waiting: Waiting, person: str) -> bool:
        """Who has answered in this round is not asked again, nor anybody about a paternity that was settled."""
        if waiting.role == "parent" and not may_act(case, person):
            return False
        if waiting.screen not in OPEN_SCREENS and waiting.role == "parent" and is_kept_from(case, person):
            return False
        if waiting.screen == "birth.by_office":
            return is_for_nobody(case) or is_left_unnamed(case)
        if waiting.screen == "birth.desk":
            return case.status != LAPSED or is_left_signed(case)
        if waiting.screen == "birth.paternity":
            return is_open(case) and not has_answered(case.actions, person, "ACKNOWLEDGE", "DENY")
        if waiting.screen == HERE:
            return bool(left_to_answer(case))
        if waiting.screen == "birth.paternity_contest":
            return contests(case, person)
        if waiting.screen == "birth.cosign":
            return declared(case) is not None and not _has_chosen(case, person)
        if waiting.screen == "birth.check_and_name" and is_left_signed(case):
            return False
        if waiting.screen in ("birth.check_and_name", "birth.offline"):
            return recorded(case) is not None
        if waiting.screen == "birth.place":
            return is_offered_a_place(case)
        if waiting.screen == "birth.wish":
            return may_wish(case) is None
        if waiting.screen == "birth.doctor":
            return may_choose_doctor(case) is None
        if waiting.screen == "birth.offer":
            awaited = word_awaited(case) or {"waits_for": ()}
            return (person in choices_named(case) and person not in awaited["waits_for"]) == waiting.optional
        if waiting.screen == "birth.account":
            return needs_account(case, person)
        return True

    # --- what is given

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        if "parent" in rule.by and not may_act(case, actor.acting_for):
            raise Refused("who has custody acts for the child", code="no_custody")
        if "parent" in rule.by and rule.screen not in OPEN_SCREENS and is_kept(case, actor):
            raise Refused("nothing of this kind waits", code="too_late")  # as if nothing did
        match rule.name:
            case "DECLARE":
                return await self._check_declaration(case, values, actor, asking)
            case "NAME_FOR":
                if not (is_for_nobody(case) or is_left_unnamed(case)):
                    raise Refused("somebody acts for the child", code="too_late")
                kept = {name: values.get(name) for name in ("given_names", "family_name")}
                given = self._decided(case, rule, values, actor, asking)
                return Given({**kept, **given.data}, (*name_defects(case, values), *given.defects))
            case "COSIGN" | "PROPOSE":
                return self._check_answer(case, rule, values, actor)
            case "ACKNOWLEDGE" | "DENY":
                return check_answer(case, rule, values, actor.acting_for)
            case "TAKE_PATERNITY":
                return check_here(
                    case, values, asking.profile.country, look_of(case, HERE, actor, asking.now)
                )
            case "CONTEST_PATERNITY":
                return check_contest(case, values, actor.acting_for)
            case "APPROVE":
                _ensure_named(case)
                return self._decided(case, rule, values, actor, asking)
            case "RETURN":
                _ensure_named(case)
                found = check_return(values)
                look = look_of(case, str(rule.screen), actor, asking.now)
                return Given({**found.data, "look": look, "answer_by": _answer_by(asking)}, found.defects)
            case "ENTER_OFFLINE":
                found = check_offline(case, values)
                return Given(
                    {**found.data, "look": look_of(case, str(rule.screen), actor, asking.now)}, found.defects
                )
            case "TAKE_PLACE" | "DECLINE_PLACE":
                if not is_offered_a_place(case):
                    raise Refused("no place is offered, or it was answered", code="too_late")
                return Given({})
            case "CHOOSE_DOCTOR":
                return await self._doctor.check_anew(case, values, asking)
            case "WISH":
                return await self._wish.check(case, values, actor, asking)
            case "GIVE_ACCOUNT":
                if not needs_account(case, actor.acting_for):
                    raise Refused("no money of theirs waits for an account", code="too_late")
                offer = case.given("PAYMENT_RETURNED")["offer"]
                return Given({"account": values.get("account"), "offer": offer})
            case "ACCEPT":
                if not is_offered(case):
                    raise Refused("nothing is offered just now", code="too_late")
                given = check_acceptance(values, await self._screens.offer(case, asking), actor)
                made = case.given("OFFER")
                return Given(
                    {**given.data, "offer": made["offer"], "version": made["version"]}, given.defects
                )
        return Given(values)

    def _decided(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        """An official registers: what they found and saw, and in the parents' place how these were heard."""
        kept = {name: values[name] for name in ("words", "hearing") if values.get(name)}
        left = {"left_to_office": True} if case.status == LAPSED else {}
        look = look_of(case, str(rule.screen), actor, asking.now)
        without = bool(values.get("without_father"))
        return Given({**kept, **left, "without_father": without, "look": look}, unheard(case, values))

    def _check_answer(self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor) -> Given:
        _ensure_named(case)
        if _has_chosen(case, actor.acting_for):
            raise Refused("you have answered this; the other parent is asked", code="already_done")
        if rule.name == "COSIGN":
            return Given({})
        names = {name: values.get(name) for name in ("given_names", "family_name")}
        return Given(names, name_defects(case, values))

    async def _check_declaration(
        self, case: Case, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        if recorded(case) is None:
            raise Refused(
                "the population register has not told us of the child yet",
                code="register_down",
                register="population",
            )
        if case.status in ("DECLARED", LAPSED) and _has_chosen(case, actor.acting_for):
            raise Refused("you have sent this; the other parent is asked", code="already_done")
        others = [person for person in living(case) if person != actor.acting_for]
        doctor = await self._doctor.kept_with(values, asking)
        given = {**values, **doctor.data, "alone": not others, "answer_by": _answer_by(asking)}
        return Given(given, (*name_defects(case, values), *doctor.defects))

    def speaks_for(self, case: Case, rule: Rule, given: Mapping[str, Any]) -> Sequence[str]:
        """A kindergarten and a doctor are the child's matter, said by who represents it."""
        is_childs = any(one.startswith(("education/", "care/")) for one in rule.says)
        return (child_of(case),) if is_childs and case.persons("child") else ()

    def deadline(self, case: Case, promised: str) -> str:
        """What is left to the office has another time than what parents agree on."""
        first = next((one for one in case.actions if one.name == "EXAMINE"), None)
        is_left = first is not None and SILENT in first.data["defects"]
        return "birth.by_office" if promised == "birth.register" and is_left else promised

    def after(self, case: Case, taken: Taken) -> Effects:
        return effects_of(case, taken)

    # --- what takes time, what is shown

    def jobs(self) -> Mapping[str, JobFunction]:
        return {
            **self._jobs.by_kind(),
            **self._payments.by_kind(),
            **self._wish.by_kind(),
            **self._doctor.by_kind(),
            **self._bereaved.by_kind(),
            **self._paternity.by_kind(),
            **BirthSilent().by_kind(),
        }

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        return await self._screens.options(case, screen, actor, asking)

    async def suggested(self, case: Case, screen: Screen, actor: Actor) -> Mapping[str, Sequence[str]]:
        return self._screens.suggested(case, screen, actor)

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        return await self._screens.facts(case, of, concepts, actor, asking)

    def shown(self, case: Case, taken: Taken, role: str, reader: Reader) -> Mapping[str, Any]:
        """On the timeline: no account, no address, no code of another person; and who only was asked about paternity sees no more."""
        if not _may_know(case, role):
            return {}
        return {name: value for name, value in taken.data.items() if name in _ON_TIMELINE}

    def names_office(self, case: Case) -> bool:
        """Not where a parent is protected: the office is that of the mother's home."""
        said = recorded(case)
        return super().names_office(case) and not (said is not None and said.protected)

    def tells(self, case: Case, taken: Taken, reader: Reader) -> bool:
        """From whom somebody is protected, every step is kept that is about a door."""
        return taken.name in OPEN_ACTIONS or not is_kept(case, reader)

    def seen_by_office(self, case: Case, taken: Taken, actor: Actor) -> Mapping[str, Any]:
        """An account is its owner's and the treasury's; the office sees its end."""
        account = taken.data.get("account")
        return {**taken.data, "account": f"… {account[-4:]}"} if account else taken.data

    def ended(self, case: Case, clock: str) -> tuple[Taken, str] | None:
        if clock == "birth.home_clock":
            entered = case.last("ENTER_HOME")
            return None if entered is None or is_entered(entered) else (entered, "no_home")
        refused = refused_first(case) if clock == "birth.offer_clock" else None
        return None if refused is None else (refused, "offer_refused")

    def keeps(self, case: Case, clock: str, taken: Taken) -> bool:
        """A home that an official is asked to enter is none yet."""
        return clock != "birth.home_clock" or is_entered(taken)

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        if not _may_know(case, role):
            return {}
        found, paid = results_of(case), payment_results(case)
        awaited = word_awaited(case) if case.status in ("OFFERED", "ACCEPTED") else None
        if awaited is not None:
            mine = reader.acting_for in awaited["waits_for"]
            found |= {"offer_named": awaited["choice"], "offer_waits": "you" if mine else "other"}
        if role == "parent" and (entry := certificate_of(case)) is not None:
            found["certificate"] = entry
        decisions = [*found.get("decisions", ()), *paid.get("decisions", ())]
        whole = {**found, **paid, **({"decisions": decisions} if decisions else {})}
        return open_results(whole) if is_kept(case, reader) else whole


_ON_TIMELINE = frozenset(
    ("given_names", "family_name", "status", "defects", "words", "reason", "registered_at", "place", "waiting",
     "review_on", "state", "kindergarten", "choice", "reserved_number", "registered_on", "born", "is_bound")
)  # fmt: skip


def _may_know(case: Case, role: str) -> bool:
    """Whether what came out is for this role: a man who is only asked about paternity sees his question, and nothing else."""
    return role != "named" or set(case.persons("named")) <= set(case.persons("parent"))


def _answer_by(asking: Asking) -> str:
    """Until when whoever is asked from now on is waited for, at least."""
    return asking.profile.deadline("birth.answer", asking.profile.day(asking.now)).isoformat()


def _ensure_named(case: Case) -> None:
    """Raises Refused."""
    if declared(case) is None:
        raise Refused("nobody has chosen a name", code="too_late")


def _has_chosen(case: Case, person: str) -> bool:
    return has_answered(case.since("RETURN"), person, "DECLARE", "COSIGN", "PROPOSE")


def _benefits(before: Case, status: str) -> str:
    """A birth registered, or an offer made, does not undo what came of the offer already."""
    if before.has("GRANT"):
        return "GRANTED"
    if before.status == "ACCEPTED":
        return "ACCEPTED"
    return "OFFERED" if is_offered(before) else status
