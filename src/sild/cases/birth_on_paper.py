"""A birth that an office wrote on paper, from its number to the case: with the child's code, or before there is one.

    bring_in       without a code: the population register opens the record under the number (KNOW), finds that it is a child it knows,
                   asks its people first (AWAIT), or does not take it (TURN_DOWN). Then the names are entered (ENTER_OFFLINE).
    paper_settled  its people have said (SETTLED), and bring_in goes on

A child who has a case already keeps that one: the paper is brought into it, and its own case ends there (JOIN). A man whom the paper
names, and who is not the husband, is asked with the mother before the names are entered. The paper stays in the case's data whatever becomes of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sild.cases.birth_facts import POPULATION, Grounds, bare, known
from sild.cases.birth_work import act, child_in
from sild.cases.case import Case
from sild.cases.process import JobFunction, Work
from sild.errors import CallerError

__all__ = ["BirthOnPaper", "handed_in_by", "is_waited_for"]

Known = Callable[[Work, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
Asked = Callable[..., Awaitable[Mapping[str, Any]]]
KNOWN_TO_BE = ("RECORDED", "JOINED", "REPEATED")


def handed_in_by(case: Case) -> str:
    """The official who handed the paper in; of a conflict before, who said that it is a birth of its own."""
    opened = case.last("OPEN")
    return str(case.data.get("decided_by") or (opened.person if opened is not None else ""))


async def is_waited_for(work: Work) -> bool:
    """Whether the event is of a child whose paper is a case here: that one goes on, and no other is opened."""
    number = work.arguments["event"].get("data", {}).get("paper")
    return number is not None and await work.numbered("paper", str(number)) is not None


class BirthOnPaper:
    def __init__(self, service: str, grounds: Grounds, what_is_known: Known, birth: Asked) -> None:
        """what_is_known, birth: of `BirthJobs`."""
        self._service = service
        self._grounds = grounds
        self._what_is_known = what_is_known
        self._birth = birth

    def by_kind(self) -> Mapping[str, JobFunction]:
        return {"bring_in": self.bring_in, "paper_settled": self.settled}

    async def bring_in(self, work: Work) -> None:
        case = work.case
        assert case is not None
        child = child_in(work) if case.persons("child") else await self._recorded(work, case)
        if child is None:
            return
        birth = await self._birth(work, child)
        if birth["status"] in ("DEAD", "STILLBORN"):
            reason = "stillbirth" if birth["status"] == "STILLBORN" else "death"
            await act(work, "rest", "REST", {"reason": reason})
            return
        person = known(child, work.profile.country)
        if not case.persons("child") and not await act(
            work, "know", "KNOW", {"child": person}, only_of=person
        ):
            await self._join(work, case, person, birth)
            return
        await act(work, "record", "RECORD", await self._what_is_known(work, case.id, birth))
        if birth["paternity"]["status"] != "WAITING":
            await act(work, "entered", "ENTER_OFFLINE", _names(case))

    async def settled(self, work: Work) -> None:
        """The register's people have looked at the paper."""
        case = await work.numbered("case", str(work.arguments["event"]["data"]["paper"]))
        if case is not None:
            await act(work, "settled", "SETTLED", {}, case)

    async def _recorded(self, work: Work, case: Case) -> str | None:
        """The code of the child that the paper is of; None: people look, or the register does not take it."""
        number, within = str(case.data["number"]), case.data.get("conflict")
        path, basis = "/birth-papers", self._grounds.notice
        try:
            if case.has("SETTLED"):
                answer = await work.call("outcome", POPULATION, "GET", f"{path}/{number}", basis=basis)
            else:
                paper = _paper(case, work.profile.country)
                answer = await work.call(
                    "paper",
                    POPULATION,
                    "POST",
                    path,
                    paper,
                    basis=basis,
                    acting=handed_in_by(case),
                    case=within,
                )
        except CallerError as refusal:
            await act(work, "refused", "TURN_DOWN", {"reason": refusal.code})
            return None
        taken = answer.json
        if taken["outcome"] in KNOWN_TO_BE:
            return str(taken["child"])
        if taken["outcome"] == "REVIEW":
            await act(work, "await", "AWAIT", {"reasons": taken.get("reasons") or []})
        else:
            await act(work, "refused", "TURN_DOWN", {"reason": "no_birth"})
        return None

    async def _join(self, work: Work, case: Case, person: str, birth: Mapping[str, Any]) -> None:
        """The child has a case: what the paper says is entered there, by the official who handed it in, as far as that still waits."""
        others = [one for one in await work.cases("cases", self._service, person) if one != case.id]
        if not others:
            await act(work, "refused", "TURN_DOWN", {"reason": "has_case"})  # and it has ended meanwhile
            return
        other = others[0]
        await act(work, "record", "RECORD", await self._what_is_known(work, other, birth), other)
        entered = False
        if birth["paternity"]["status"] != "WAITING":
            said = {**_names(case), "handed_in_by": handed_in_by(case)}
            said["decided_in"] = case.data.get("conflict") or case.id
            entered = await act(work, "entered", "ENTER_OFFLINE", said, other)
        await act(work, "joined", "JOIN", {"case": other, "entered": entered})


def _names(case: Case) -> dict[str, Any]:
    written = case.data["content"]
    names = {name: written.get(name) for name in ("given_names", "family_name", "registered_on")}
    return {**names, "reserved_number": case.data["number"]}


def _paper(case: Case, country: str) -> dict[str, Any]:
    """As the register is told of it."""
    written = case.data["content"]
    said = {name: written.get(name) or None for name in ("sex", "born", "hour", "order", "place", "ground", "attended_by", "given_names", "family_name")}  # fmt: skip
    parents = {role: _parent(written, role) for role in ("mother", "father")}
    return {"number": case.data["number"], "country": country, **said, **parents}


def _parent(written: Mapping[str, Any], role: str) -> dict[str, Any] | None:
    code, given = bare(str(written.get(role) or "")), written.get(f"{role}_given_names")
    family = written.get(f"{role}_family_name")
    if role == "father" and not (code or given or family):
        return None
    return {"code": code or None, "given_names": given or None, "family_name": family or None}
