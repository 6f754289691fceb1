"""Paternity in a case of birth: what each of the two says themselves, with the strongest log-in, or before an official of the office.

    TAKE_PATERNITY  an official writes down what one of them said before them: who, known by which document, with which words.
                    The number of the document stands in that action alone: in no message, no notice, no log.
    PATERNITY       what the population register has by now of both
    CONTEST_PATERNITY  who is said to have said it says that it is not so: the register's people look (disputeFact)

Of a child for whom no man was named, both can come to the office; the man's code is written down with the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sild.cases.assisted import DOCUMENTS
from sild.cases.birth_bereaved import is_asked_in_vain
from sild.cases.birth_facts import POPULATION, Grounds, bare, known, named_father, recorded
from sild.cases.birth_silent import asked_in
from sild.cases.birth_work import act, known_in
from sild.cases.case import Case, Party, Taken
from sild.cases.codes import plain
from sild.cases.process import Effects, Given, Job, JobFunction, Rule, Work
from sild.cases.refusals import UNPROVEN, Refused
from sild.catalogue import Defect
from sild.errors import CallerError
from sild.i18n import Speaker

__all__ = [
    "HERE",
    "BirthPaternity",
    "check_answer",
    "check_contest",
    "check_here",
    "contests",
    "has_answered",
    "is_open",
    "left_to_answer",
    "people_here",
    "taken_here",
]

HERE = "birth.paternity_here"
ANSWERS = ("ACKNOWLEDGE", "DENY")
WORDS = {"ACKNOWLEDGE": "ACKNOWLEDGED", "DENY": "DENIED"}
CODE_LENGTHS = {"EE": 11, "VN": 12}


# --- where it stands


def is_open(case: Case) -> bool:
    """Whether anybody's word can settle it: nothing is settled, and nobody of the two has died."""
    said = recorded(case)
    if said is None or said.mother is None or said.paternity not in ("WAITING", "NONE_NAMED"):
        return False
    return case.given("PATERNITY").get("status") not in ("ACKNOWLEDGED", "DENIED") and not is_asked_in_vain(
        case
    )


def has_answered(actions: Sequence[Taken], person: str, *names: str) -> bool:
    """What was not proved to the register, or was not taken by it from an official, was not answered."""
    answered = False
    for taken in actions:
        if taken.name in names and taken.acting_for == person:
            answered = True
        elif taken.name == "TAKE_PATERNITY" and set(names) & set(ANSWERS):
            answered = answered or taken.data["parent"] == person
        elif taken.name == "PATERNITY" and person in (
            taken.data.get("unproven"),
            taken.data.get("not_taken"),
        ):
            answered = False
    return answered


def left_to_answer(case: Case) -> list[str]:
    """`mother`, `father`: who can still say it before an official."""
    said = recorded(case)
    if said is None or not is_open(case):
        return []
    people = {"mother": said.mother, "father": named_father(case)}
    feared = [role for role, person in people.items() if person is not None and said.is_feared(person)]
    done = [
        role
        for role, person in people.items()
        if person is not None and has_answered(case.actions, person, *ANSWERS)
    ]
    return [role for role in people if role not in (*feared, *done)]


def people_here(case: Case, say: Speaker) -> list[tuple[str, str]]:
    return [(role, say(f"option.here_{role}")) for role in left_to_answer(case)]


def contests(case: Case, person: str) -> bool:
    """Whether an official wrote down their word, and they have not said since that it is not so."""
    mine = [one for one in case.actions if _is_about(one, person)]
    return bool(mine) and mine[-1].name == "TAKE_PATERNITY"


def _is_about(taken: Taken, person: str) -> bool:
    if taken.name == "CONTEST_PATERNITY":
        return taken.acting_for == person
    return taken.name == "TAKE_PATERNITY" and taken.data["parent"] == person


# --- what is given


def check_answer(case: Case, rule: Rule, values: Mapping[str, Any], person: str) -> Given:
    """Their own word."""
    if has_answered(case.actions, person, *ANSWERS):
        raise Refused("you have answered this before", code="already_done")
    if not is_open(case):
        raise Refused("paternity was settled before", code="too_late")
    said = recorded(case)
    is_mother = said is not None and said.mother == person
    custody = values.get("custody") or "joint"
    return Given({"custody": custody} if is_mother and rule.name == "ACKNOWLEDGE" else {})


def check_here(case: Case, values: Mapping[str, Any], country: str, look: Mapping[str, Any]) -> Given:
    """country: whose codes stand without a prefix."""
    said, role = recorded(case), values.get("present")
    if said is None or not left_to_answer(case):
        raise Refused("paternity was settled before", code="too_late")
    found = []
    father = named_father(case)
    written = plain(str(values.get("father") or "").strip().upper(), country)
    if father is None:
        if not _is_code(written, country):
            found.append(Defect("father", "not_a_code" if written else "missing"))
        father = written
    elif written and written != father:
        found.append(Defect("father", "fathers_differ"))
    parent = said.mother if role == "mother" else father
    if not str(values.get("words") or "").strip():
        found.append(Defect("words", "missing"))
    if values.get("document") not in DOCUMENTS:
        found.append(Defect("document", "missing"))
    if not str(values.get("document_number") or "").strip():
        found.append(Defect("document_number", "missing"))
    kept = {name: values.get(name) for name in ("document", "document_number", "words", "paper")}
    answer = "ACKNOWLEDGE" if values.get("answer") == "acknowledge" else "DENY"
    wish = {"custody": values.get("custody") or "joint"} if role == "mother" else {}
    given = {**kept, **wish, "role": role, "parent": parent, "father": father, "answer": answer, "look": look}
    return Given(given, tuple(found))


def check_contest(case: Case, values: Mapping[str, Any], person: str) -> Given:
    if not contests(case, person):
        raise Refused("no official wrote this down of you, or you have said so", code="already_done")
    return Given({"words": values.get("words")})


def _is_code(code: str, country: str) -> bool:
    there = code[:2] if code[:2].isalpha() else country
    digits = code.removeprefix(there)
    return digits.isascii() and digits.isdecimal() and len(digits) == CODE_LENGTHS.get(there)


# --- what follows


def taken_here(case: Case, taken: Taken) -> Effects:
    """The register is told; whose word it is joins the case, and so does the other, who is asked."""
    said = recorded(case)
    assert said is not None
    data = taken.data
    arguments = {name: data[name] for name in ("parent", "father", "answer", "document")}
    arguments |= {"custody": data.get("custody", "joint"), "acting": taken.person, "role": data["role"]}
    people = [said.mother, data["father"]]
    joins = [
        Party("named", one)
        for one in people
        if one is not None and not said.is_feared(one) and one not in case.persons("named")
    ]
    return Effects(jobs=(Job("paternity_here", arguments, key=str(taken.seq)),), parties=tuple(joins))


class BirthPaternity:
    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds

    def by_kind(self) -> Mapping[str, JobFunction]:
        return {
            "paternity": self.paternity,
            "paternity_here": self.here,
            "contest_paternity": self.contest,
        }

    async def paternity(self, work: Work) -> None:
        """One parent's answer, to the register; what it says about both comes back."""
        case, said = known_in(work)
        father = named_father(case)
        body = {
            "parent": bare(work.arguments["parent"]),
            "father": bare(father or ""),
            "answer": WORDS[work.arguments["answer"]],
            "custody": work.arguments["custody"],
        }
        acting = str(work.arguments["acting"])
        if bare(acting) != body["parent"]:
            body["mandate"] = case.id  # the case keeps by which mandate somebody else said it
        path = f"/births/{bare(said.child)}/paternity"
        try:
            answer = await work.call(
                "answer",
                POPULATION,
                "POST",
                path,
                body,
                basis=self._grounds.relations,
                acting=acting,
                acting_for=str(work.arguments["parent"]),
                says="answerPaternity",
            )
            state = answer.json
        except CallerError as refusal:
            state = {**await self._stands(work, said.child), "refused": refusal.code}
        in_vain = {"unproven": work.arguments["parent"]} if state.get("refused") in UNPROVEN else {}
        now = {"status": state["status"], "father": father, "reason": state.get("refused"), **in_vain}
        await act(work, "paternity", "PATERNITY", {**now, **asked_in(work)})

    async def here(self, work: Work) -> None:
        """What was said before the official, to the register, on the official's own proof; what it does not take can be written anew."""
        _case, said = known_in(work)
        given = work.arguments
        body = {
            "parent": bare(given["parent"]),
            "father": bare(given["father"]),
            "answer": WORDS[given["answer"]],
            "custody": given["custody"],
            "document": given["document"],
        }
        path = f"/births/{bare(said.child)}/paternity/before-official"
        refused: dict[str, Any] = {}
        try:
            answer = await work.call(
                "answer",
                POPULATION,
                "POST",
                path,
                body,
                basis=self._grounds.relations,
                acting=str(given["acting"]),
                says="recordPaternity",
            )
            state = answer.json
        except CallerError as refusal:
            state = await self._stands(work, said.child)
            refused = {"reason": refusal.code, "not_taken": given["parent"]}
        father = known(state["father"], work.profile.country) if state.get("father") else given["father"]
        here = {} if refused else {"here": {name: given[name] for name in ("parent", "answer", "role")}}
        now = {"status": state["status"], "father": father, **refused, **here}
        await act(work, "paternity", "PATERNITY", {**now, **asked_in(work)})

    async def contest(self, work: Work) -> None:
        """Who is said to have said it, disputes that at the register, whose people look; the register's word stands until then."""
        _case, said = known_in(work)
        person, acting = str(work.arguments["for"]), str(work.arguments["acting"])
        path = f"/persons/{bare(said.child)}/facts"
        facts = await work.call("facts", POPULATION, "GET", path, basis=self._grounds.relations)
        mine = [
            one["fact"]
            for one in facts.json["items"]
            if one["name"] == "paternity" and one.get("key") == bare(person)
        ]
        reason: str | None = "not_found"
        if mine:
            try:
                await work.call(
                    "dispute",
                    POPULATION,
                    "POST",
                    f"/facts/{mine[-1]}/dispute",
                    {"reason": work.arguments["words"]},
                    basis=self._grounds.relations,
                    acting=acting,
                    acting_for=person,
                    says="disputeFact",
                )
                reason = None
            except CallerError as refusal:
                reason = refusal.code
        await act(work, "contested", "PATERNITY_CONTESTED", {"person": person, "reason": reason})

    async def _stands(self, work: Work, child: str) -> dict[str, Any]:
        path = f"/births/{bare(child)}"
        answer = await work.call("birth", POPULATION, "GET", path, basis=self._grounds.notice)
        found: dict[str, Any] = answer.json["paternity"]
        return found
