"""A matter of a register that a person decides: a held offer, a disputed fact, somebody missing, a doubtful notice, a ripple, a question.

    OPENED ──AWAIT──▶ HELD_OFFER, DISPUTE, ... ──an action of its kind──▶ SENT ──SETTLE──▶ CLOSED         (HEAR, SPEAK: of a ripple)
                          │    ▲──────────────RETURN (the register says no)──┘
                          └──OVERTAKE──▶ OVERTAKEN: it ended by itself, or elsewhere

The register tells that something waits; the case gives it a day, a desk, a timeline, and nobody near to whom it is about. What it is
the desk reads from the register, as the official who acts. What they decide goes to the register as their word; the register
checks it, does it, and keeps the record. What is entered besides by hand (a home) comes from the
process that could not.

The words go along with every action that the register answers for. The hash of the view, the device and the seconds go where a record of
the decision is sealed with them (LET_GO, TURN_DOWN, DECIDE_ANEW); otherwise they stay with the action in the case. So do the words about
a ripple that ends without a new decision: what the register keeps of one cannot be taken back, and has nobody's words. Whoever may lose
by a new one is asked in the case before (HEAR), and answers there (SPEAK).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from sild.cases.actor import Actor, Reader
from sild.cases.answered import AnsweredByADay, when_late
from sild.cases.birth_facts import POPULATION, known
from sild.cases.birth_work import act
from sild.cases.case import Case, Party, Taken
from sild.cases.contest_anew import given_by_hand
from sild.cases.contest_words import name_of
from sild.cases.decision_words import written
from sild.cases.home_by_hand import as_matter, entry_of, tell_the_birth
from sild.cases.matter_words import lines_of, outcome_of, said_of
from sild.cases.packs import Packs
from sild.cases.process import (
    OPENED,
    Asking,
    Effects,
    Given,
    Job,
    JobFunction,
    NewNotice,
    Opening,
    Rule,
    Waiting,
    Work,
)
from sild.cases.refusals import Refused
from sild.cases.ripple_anew import (
    HEARING,
    heard_in,
    hearing_lines,
    may_speak,
    new_decision,
    what_is_heard,
)
from sild.cases.views import FactLine, Options
from sild.catalogue import Defect, Screen
from sild.decisions import sha256_of
from sild.errors import CallerError, PeerError
from sild.i18n import Texts

__all__ = ["RegisterMatter"]

STAFF = ("official", "supervisor")
GROUND = "register_matter"
NAMES = ("given_names", "family_name", "born")
"""Of somebody missing: the population register keeps them, and no other does."""
DECIDE, CONSULTED = "register_matter.decide", "consultation"
REVIEW = "/reviews/{key}/decision"
OVER = (
    "not_held",
    "dispute_is_closed",
    "ripple_is_closed",
    "review_is_closed",
    "unknown_matter",
    "offer_withdrawn",
    "consultation_is_closed",
)
"""What a register says of a matter that ended otherwise meanwhile."""  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """What an official may do with a kind of matter. path: `{key}` stands for the matter.  body: of what was given.  told: the notice.

    screen: None: that of the kind.
    """

    kind: str
    path: str
    body: Callable[[Mapping[str, Any]], Any]
    told: str
    screen: str | None = None


def _look(given: Mapping[str, Any]) -> dict[str, Any]:
    seen = {name: given[name] for name in ("view_sha256", "posture", "seconds")}
    return {**seen, "words": given["words"]}


def _reason(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"reason": given["words"]}


def _correction(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": given["value"], **_reason(given)}


def _entered(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: given[name] for name in (*NAMES, "words") if given.get(name)}


def _review(decision: str) -> Callable[[Mapping[str, Any]], Any]:
    def body(given: Mapping[str, Any]) -> dict[str, Any]:
        child = {"child": given["child"]} if decision == "SAME" else {}
        return {"decision": decision, **child, "words": given.get("words") or ""}

    return body


def _reply(outcome: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda given: {"outcome": outcome, "answer": given["words"]}


ACTS: Mapping[str, Act] = {
    "ANSWER": Act("consultation", "/consultations/{key}/answer", _reply("answered"), "replied"),
    "CANNOT_ANSWER": Act("consultation", "/consultations/{key}/answer", _reply("declined"), "declined"),
    "LET_GO": Act("held_offer", "/offers/{key}/release", _look, "let_go"),
    "TURN_DOWN": Act("held_offer", "/offers/{key}/refusal", _look, "turned_down"),
    "CORRECT": Act("dispute", "/disputes/{key}/correction", _correction, "corrected"),
    "KEEP": Act("dispute", "/disputes/{key}/refusal", _reason, "kept"),
    "ANNUL": Act("disputed_death", "/disputes/{key}/annulment", _reason, "annulled"),
    "CORRECT_DAY": Act("disputed_death", "/disputes/{key}/correction", _correction, "corrected"),
    "DEATH_STANDS": Act("disputed_death", "/disputes/{key}/refusal", _reason, "kept"),
    "KNOWN": Act("missing_person", "/disputes/{key}/known", _entered, "known"),
    "NOT_OURS": Act("missing_person", "/disputes/{key}/refusal", _reason, "not_ours"),
    "ANOTHER_CHILD": Act("review", REVIEW, _review("DISTINCT"), "another_child"),
    "SAME_CHILD": Act("review", REVIEW, _review("SAME"), "same_child"),
    "NO_BIRTH": Act("review", REVIEW, _review("REFUSED"), "no_birth"),
    "ENTER_HOME": Act("home", "/moves", entry_of, "home_entered"),
    "NO_HOME": Act("home", "", lambda _given: None, "no_home"),
    "STANDS": Act("ripple", "/ripples/{key}/end", lambda _given: {"outcome": "stands"}, "stands"),
    "ANOTHER_STANDS": Act(
        "ripple",
        "/ripples/{key}/end",
        lambda given: {"outcome": "redecided", "decision": given["newer"]},
        "another",
    ),
    "DECIDE_ANEW": Act(
        "ripple", "/ripples/{key}/end", new_decision, "decided_anew", screen="register_matter.anew"
    ),
}
SCREENS: Mapping[str, str] = {
    "home": "register_matter.home",
    "held_offer": "register_matter.offer",
    "dispute": "register_matter.dispute",
    "disputed_death": "register_matter.death",
    "missing_person": "register_matter.missing",
    "review": "register_matter.review",
    "ripple": "register_matter.ripple",
    "consultation": "register_matter.consultation",
}


class RegisterMatter(AnsweredByADay):
    service = "register_matter"
    opener = None
    events: ClassVar[Mapping[str, str]] = {"matter.opened": "begin", "matter.settled": "overtake"}
    silenced: ClassVar[Mapping[str, tuple[str, ...]]] = {"person": ("death",)}
    rules = (
        Rule("AWAIT", by=("state",), when=(OPENED,)),
        Rule("REMIND", by=("state",), once="case"),
        Rule("SILENCE", by=("state",)),
        Rule("REVIVE", by=("state",), reopens=True),
        *(
            Rule(
                name,
                by=STAFF,
                when=(one.kind.upper(),),
                to="SENT",
                screen=one.screen or SCREENS[one.kind],
                decides=True,
            )
            for name, one in ACTS.items()
        ),
        Rule("HEAR", by=STAFF, when=("RIPPLE",), screen="register_matter.hear", once="case", decides=True),
        Rule(
            "SPEAK",
            by=("person",),
            when=("RIPPLE",),
            screen="register_matter.speak",
            acr="substantial",
            once="person",
        ),
        Rule("SETTLE", by=("state",), when=("SENT",), to="CLOSED"),
        Rule("RETURN", by=("state",), when=("SENT",)),
        Rule("OVERTAKE", by=("state",), to="OVERTAKEN"),
    )
    waiting = (
        *(Waiting(screen, "official", (kind.upper(),), deadline=DECIDE) for kind, screen in SCREENS.items()),
        Waiting("register_matter.anew", "official", ("RIPPLE",), optional=True),
        Waiting("register_matter.hear", "official", ("RIPPLE",), until=("HEAR",), optional=True),
        Waiting("register_matter.speak", "person", ("RIPPLE",), until=("SPEAK",)),
    )
    closed = ("CLOSED", "OVERTAKEN")

    def __init__(self, packs: Packs) -> None:
        self._texts = Texts(packs.profile.languages, packs.texts)

    def status(self, status: str, taken: Taken, before: Case) -> str:
        if taken.name in ("AWAIT", "RETURN"):
            return str(before.data["kind"]).upper()
        return super().status(status, taken, before)

    def silenced_in(self, case: Case) -> Mapping[str, tuple[str, ...]]:
        """Who says that they are not dead hears what comes of it."""
        return {} if case.data["kind"] == "disputed_death" else self.silenced

    # --- the official

    def fitted(self, case: Case, screen: Screen) -> Screen:
        if screen.id != SCREENS["missing_person"] or case.data["register"] == POPULATION:
            return screen
        parts = tuple(one for one in screen.components if getattr(one, "name", None) not in NAMES)
        return screen.model_copy(update={"components": parts, "lead": None})

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        language = self._texts.choose([actor.language])
        speak = self._texts.speaker(language)
        if of == "hearing":
            return what_is_heard(case, lambda key, **more: speak(f"register_matter.{key}", **more), language)
        if of != "matter":
            return ()
        register = case.data["register"]
        if _is_own(case, actor):
            return [FactLine("register_matter.line", of, None, "your_own", register=register)]
        matter = await self._matter(case, actor, asking)
        if matter is None:
            reason = "register_down" if asking.failed(register) else "not_held"
            return [FactLine("register_matter.line", of, None, reason, register=register)]
        returned = [
            FactLine("register_matter.returned", of, self._why(one, actor)) for one in case.all("RETURN")[-1:]
        ]
        heard = hearing_lines(case, lambda key, **more: speak(f"register_matter.{key}", **more), language)
        return [*returned, *lines_of(matter, register, self._texts, actor.language), *heard]

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        """The children a doubtful notice may be of, by code; the parents with whom a child may live."""
        if case.data["kind"] == "home":
            say = self._texts.speaker(self._texts.choose([actor.language]))
            return {"homes": [(role, say(f"register_matter.home.{role}")) for role in case.data["homes"]]}
        matter = await self._matter(case, actor, asking)
        if screen.id == "register_matter.anew":
            lines = () if matter is None else outcome_of(matter, actor.language)
            language = actor.language
            named = ((one.name[:200], f"{name_of(one, language)}: {written(one, language)}") for one in lines)
            return {"outcome": list(named)}
        facts = () if matter is None else matter["facts"]
        return {"candidates": [(one["value"], one["value"]) for one in facts if one["name"] == "candidate"]}

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        """With what was before the official, their device, and for how long: the register keeps it with the decision."""
        if rule.name == "HEAR":
            until = asking.profile.deadline(HEARING, asking.profile.day(asking.now))
            return Given({**values, "until": until.isoformat()})
        if rule.name not in ACTS:
            return Given(values)
        if _is_own(case, actor):
            raise Refused("it is about you: somebody else decides", code="conflict_of_interest")
        needed = {"CORRECT": "value", "CORRECT_DAY": "value", "SAME_CHILD": "child"}.get(rule.name)
        if needed is not None and not values.get(needed):
            return Given(values, (Defect(needed, "missing"),))
        if rule.name == "ENTER_HOME" and not (values.get("home") or values.get("division")):
            return Given(values, (Defect("home", "missing"),))
        register = case.data["register"]
        matter = await self._matter(case, actor, asking)
        if matter is None:
            raise Refused(f"{register} does not answer", code="register_down", register=register)
        newer = said_of(matter, "newer")
        if rule.name == "ENTER_HOME":
            dwelling = said_of(matter, f"dwelling_{values.get('home')}")
            if not dwelling and not values.get("division"):
                return Given(values, (Defect("division", "missing"),))
            joins = case.data["homes"].get(values.get("home"))
            values = {**values, "dwelling": dwelling, "joins": joins, **case.data["entry"]}
        if rule.name == "ANOTHER_STANDS" and newer is None:
            raise Refused("no decision has taken its place yet", code="not_superseded")
        if rule.name == "DECIDE_ANEW":
            values, defects = self._anew(case, values, matter, actor, asking)
            if defects:
                return Given(values, defects)
        lines = lines_of(matter, register, self._texts, actor.language)
        shown = {"language": actor.language, "lines": [[line.label, line.value] for line in lines]}
        mine = [one.at for one in case.all("TAKE") if one.person == actor.person]
        begun = max(mine, default=asking.now)
        seen = {
            "view_sha256": sha256_of(shown),
            "posture": actor.posture,
            "acr": actor.acr,
            "seconds": max(0, int((asking.now - begun).total_seconds())),
        }
        return Given({**values, **seen, **({} if newer is None else {"newer": newer})})

    def _anew(
        self,
        case: Case,
        values: Mapping[str, Any],
        matter: Mapping[str, Any],
        actor: Actor,
        asking: Asking,
    ) -> tuple[Mapping[str, Any], tuple[Defect, ...]]:
        """With the new values by line, and how they were heard."""
        values, wrong = given_by_hand(values, outcome_of(matter, actor.language))
        heard, unheard = heard_in(case, values.get("hearing"), asking.profile.day(asking.now))
        return {**values, "heard": heard, "country": asking.profile.country}, (*wrong, *unheard)

    async def _matter(self, case: Case, actor: Actor, asking: Asking) -> Mapping[str, Any] | None:
        """As it stands; None: the register does not answer, or not to this official on this device."""
        if case.data["kind"] == "home":
            return await as_matter(case, asking)
        kind, key = (quote(str(case.data[name]), safe="") for name in ("kind", "key"))
        answer = await asking.get(
            case.data["register"],
            f"/matters/{kind}/{key}",
            basis=asking.profile.ground(GROUND),
            proven=True,
        )
        return None if answer is None else answer.json

    def _why(self, returned: Taken, actor: Actor) -> str:
        say = self._texts.speaker(self._texts.choose([actor.language]))
        key = f"register_matter.returned.{returned.data['reason']}"
        return say(key if key in self._texts else "register_matter.returned.other")

    # --- what follows

    def after(self, case: Case, taken: Taken) -> Effects:
        if taken.name == "AWAIT":
            return Effects(jobs=(when_late(taken),))
        if taken.name == "HEAR":
            told_until = {"until": taken.data["until"]}
            asked = (
                NewNotice(one, "register_matter.told_hear", told_until) for one in case.persons("person")
            )
            return Effects(notices=tuple(asked))
        if taken.name in ACTS:
            about = {"action": taken.name, "official": taken.person}
            return Effects(jobs=(Job("do", about, key=str(taken.seq)),))
        told = {"REMIND": "late", "OVERTAKE": "overtaken"}.get(taken.name)
        if taken.name == "SETTLE":
            told = _outcome(taken)
        persons = case.persons("person") if told is not None else ()
        return Effects(notices=tuple(NewNotice(one, f"register_matter.told_{told}") for one in persons))

    def jobs(self) -> Mapping[str, JobFunction]:
        return {**super().jobs(), "begin": self.begin, "overtake": self.overtake, "do": self.do}

    async def begin(self, work: Work) -> None:
        """Something waits in a register: a case for its officials, with a day."""
        told = work.arguments["event"]
        register, kind, key, persons = _told(told)
        about = [known(code, work.profile.country) for code in persons]
        data = {"register": register, "kind": kind, "key": key, "arose_in": told["case"]}
        is_asked = kind == CONSULTED  # whom it is about has the case that asks
        parties = () if is_asked else tuple(Party("person", code) for code in about)
        if is_asked:
            data["about"] = about
        office = f"matter@{register.split('/')[1]}"
        case = await work.open("open", self.service, Opening(parties, office=office, data=data))
        due = work.profile.deadline(CONSULTED if is_asked else DECIDE, work.profile.day(work.at))
        await act(work, "waits", "AWAIT", {"due": due.isoformat()}, case)

    async def overtake(self, work: Work) -> None:
        """It waits no more: whoever ended it, nobody is asked any longer."""
        register, kind, key, _persons = _told(work.arguments["event"])
        office = f"matter@{register.split('/')[1]}"
        for case in await work.on_desk("which", office, {"register": register, "kind": kind, "key": key}):
            if await work.current(f"status/{case}", case) != "SENT":
                await act(work, f"over/{case}", "OVERTAKE", {}, case)

    async def do(self, work: Work) -> None:
        """The official's word goes to the register, which does it or says why not."""
        assert work.case is not None
        case, name = work.case, str(work.arguments["action"])
        one, given = ACTS[name], case.given(name)
        if not one.path:
            await act(work, "settled", "SETTLE", {"action": name, "decision": None})
            if name == "NO_HOME":
                await tell_the_birth(work, case, "none")
            return
        path = one.path.format(key=quote(str(case.data["key"]), safe=""))
        try:
            answer = await work.call(
                "do", case.data["register"], "POST", path, one.body(given),
                basis=work.profile.ground(GROUND), acting=str(work.arguments["official"]),
            )  # fmt: skip
        except CallerError as refusal:
            code = refusal.code.rpartition(".")[2]
            if code in OVER:
                await act(work, "over", "OVERTAKE", {"reason": code})
            else:
                await act(work, "returned", "RETURN", {"reason": code})
            return
        said = answer.json if isinstance(answer.json, dict) else {}
        decision = said.get("newer" if name == "DECIDE_ANEW" else "decision")
        settled = {"action": name, "decision": decision}
        if name == "ANNUL" and said.get("state") == "OPEN":
            settled["told"] = "annulment_waits"
        await act(work, "settled", "SETTLE", settled)
        if name == "ENTER_HOME":
            await tell_the_birth(work, case, "entered")

    def deadline(self, case: Case, promised: str) -> str:
        return CONSULTED if case.data["kind"] == CONSULTED else promised

    def asks(self, case: Case, waiting: Waiting, person: str) -> bool:
        return waiting.screen != "register_matter.speak" or may_speak(case, person)

    def near(self, case: Case) -> Sequence[str]:
        return [*super().near(case), *case.data.get("about", ())]

    # --- what people see

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        settled = case.last("SETTLE")
        if settled is not None:
            name = settled.data["action"]
            found = {
                "about": case.data["kind"],
                "outcome": _outcome(settled),
                "reasons": case.given(name).get("words"),
            }
            if settled.data.get("decision") and role == "person":
                register = case.data["register"].rpartition("/")[2]
                found["decisions"] = [[register, settled.data["decision"], "register_matter"]]
        return found


def _is_own(case: Case, actor: Actor) -> bool:
    """Nobody sees to what is about themselves: their register shows them nothing of it at a desk."""
    return actor.person in case.persons("person")


def _outcome(settled: Taken) -> str:
    """The word of what came of it: as the act has it, or as the register answered."""
    return str(settled.data.get("told") or ACTS[settled.data["action"]].told)


def _told(event: Mapping[str, Any]) -> tuple[str, str, str, tuple[str, ...]]:
    """Register, kind, key, persons. Raises PeerError (`invalid_event`)."""
    _, _, register = str(event["source"]).strip("/").partition("/")
    try:
        data = event["data"]
        kind, key, persons = str(data["kind"]), str(data["key"]), tuple(map(str, data["persons"]))
    except (KeyError, TypeError) as error:
        raise PeerError("the event names no matter", code="invalid_event") from error
    if kind not in SCREENS or kind == "home" or register.count("/") != 2:
        raise PeerError("there is no such kind of matter", code="invalid_event")
    return register, kind, key, persons
