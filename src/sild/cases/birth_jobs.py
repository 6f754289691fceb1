"""What takes time in a case of birth: messages to other bodies, each step done once, whatever dies in between.

An event's job finds the case by the child; an event for which there is no case tells nothing that RECORD would not find out by
itself: when the birth was registered before we heard of it, `catch_up` asks everybody. So events may come late, twice, in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sild.cases.birth_facts import (
    POPULATION,
    RESIDENCE,
    Grounds,
    Recorded,
    bare,
    country_of,
    known,
    office_for,
)
from sild.cases.birth_follow import BirthFollow
from sild.cases.birth_on_paper import BirthOnPaper, is_waited_for
from sild.cases.birth_silent import LAPSED, SILENT
from sild.cases.birth_work import act, case_of, child_in, known_in
from sild.cases.case import Case, Party
from sild.cases.process import OPENED, JobFunction, Opening, Work
from sild.errors import CallerError, Unavailable
from sild.telemetry import get_logger

__all__ = ["BirthJobs"]

log = get_logger("cases")

A_WHILE = timedelta(minutes=2)
"""So long a register is waited for whose answer can come later, too."""


class BirthJobs:
    def __init__(self, service: str, grounds: Grounds) -> None:
        self._service = service
        self._grounds = grounds
        self._follow = BirthFollow(service, grounds)
        self._on_paper = BirthOnPaper(service, grounds, self.what_is_known, self.birth)

    def by_kind(self) -> Mapping[str, JobFunction]:
        return {
            "begin": self.begin,
            **self._on_paper.by_kind(),
            "revived": self.revived,
            "examine": self.examine,
            "register": self.register,
            "send_back": self.send_back,
            "registered": self.registered,
            **self._follow.by_kind(),
        }

    # --- a child is recorded

    async def begin(self, work: Work) -> None:
        """Open the case, then ask what is known: every question carries the case."""
        child = child_in(work)
        person = known(child, work.profile.country)
        if await work.cases("known", self._service, person) or await is_waited_for(work):
            return
        opening = Opening(parties=(Party("child", person),), only_of=person)
        try:
            case = await work.open("open", self._service, opening)
        except CallerError as refused:
            if refused.code == "has_case":  # brought in from paper since we looked
                return
            raise
        if await work.current("status", case) != OPENED:
            return  # silence fell before the news came
        try:
            birth = await self.birth(work, child, case)
        except CallerError:  # the record was taken back
            await act(work, "no_birth", "REST", {"reason": "no_birth"}, case)
            return
        if birth["status"] in ("DEAD", "STILLBORN"):
            reason = "stillbirth" if birth["status"] == "STILLBORN" else "death"
            await act(work, "rest", "REST", {"reason": reason}, case)
            return
        await act(work, "record", "RECORD", await self.what_is_known(work, case, birth), case)

    async def revived(self, work: Work) -> None:
        """The child was said to be dead before the case knew anything else."""
        assert work.case is not None
        birth = await self.birth(work, child_in(work), work.case.id)
        if birth["status"] not in ("DEAD", "STILLBORN"):
            await act(work, "record", "RECORD", await self.what_is_known(work, work.case.id, birth))

    async def what_is_known(self, work: Work, case: str, birth: Mapping[str, Any]) -> dict[str, Any]:
        country = work.profile.country
        named = [birth.get(role) for role in ("mother", "father", "claimed_father")]
        mother, father, claimed = (known(code, country) if code else None for code in named)
        people = [code for code in dict.fromkeys((mother, father, claimed)) if code is not None]
        protected = [pair for code in people for pair in await self._protections(work, case, code, people)]
        born = date.fromisoformat(birth["born"])
        return {
            "child": known(birth["child"], country),
            "born": birth["born"],
            "hospital": birth.get("hospital"),
            "mother": mother,
            "father": father,
            "claimed_father": claimed,
            "paternity": birth["paternity"]["status"],
            "choose_by": work.profile.deadline("birth.choose_name", born).isoformat(),
            "protected": protected,
            "foreign": any(country_of(code) != country_of(birth["child"]) for code in people),
            "is_late": birth["status"] == "REGISTERED",
            "office": await self._office(work, case, mother, within=A_WHILE),
        }

    async def _protections(self, work: Work, case: str, person: str, named: list[str]) -> list[list[str]]:
        """Orders between those who are named: [who, from whom]."""
        answer = await work.call(
            f"protection/{person}",
            POPULATION,
            "GET",
            f"/persons/{bare(person)}/facts",
            basis=self._grounds.protection,
            case=case,
        )
        orders = [fact for fact in answer.json["items"] if fact["name"] == "protection"]
        against = [known(fact["key"], work.profile.country) for fact in orders]
        return [[person, other] for other in against if other in named]

    async def _any_office(self, work: Work, case: Case, said: Recorded) -> str | None:
        """Where the mother lives. A machine is not told that of somebody protected: then in her own name, who has chosen the child's home here."""
        found = await self._office(work, None, said.mother, within=None)
        if found is None and said.mother in (gone := work.case.departed() if work.case else frozenset()):
            alive = next((one for one in (said.father, said.claimed_father) if one and one not in gone), None)
            return await self._office(work, None, alive, within=None, step="residence/other")
        signed = (case.last(name) for name in ("DECLARE", "COSIGN", "PROPOSE"))
        if found is None and any(taken is not None and taken.person == said.mother for taken in signed):
            found = await self._office(work, None, said.mother, within=None, acting=said.mother)
        return found

    async def _office(
        self,
        work: Work,
        case: str | None,
        mother: str | None,
        *,
        within: timedelta | None,
        acting: str | None = None,
        step: str = "residence",
    ) -> str | None:
        """`birth@0793`: who is competent where the mother lives today; None: not known (yet)."""
        if mother is None:
            return None
        try:
            answer = await work.call(
                step if acting is None else "residence/self",
                RESIDENCE,
                "GET",
                f"/persons/{bare(mother)}/residence",
                basis=self._grounds.residence,
                acting=acting,
                within=within,
                case=case,
            )
        except (Unavailable, CallerError):
            return None  # the examination asks again
        unit = office_for(work.profile, "birth", answer.json, work.profile.day(work.at))
        return None if unit is None else f"birth@{unit}"

    # --- registration

    async def examine(self, work: Work) -> None:
        """Every check at once. All green and nothing left to discretion: the rule decides, where the profile has one."""
        case, said = known_in(work)
        birth = await self.birth(work, said.child)
        office = case.office or await self._any_office(work, case, said)
        defects = [found["code"] for found in (*birth["defects"], *birth["notes"])]
        if case.status == "DIFFERED":
            defects.append("names_differ")
        if case.status == LAPSED:
            defects.append(SILENT)
        if said.foreign:
            defects.append("foreign_parent")
        if said.protected or case.silences():
            defects.append("protection")
        if case.departed():
            defects.append("parent_died")
        if office is None:
            defects.append("office_unknown")
        is_bound = (
            not defects and "birth.register" in work.profile.bound and said.country == work.profile.country
        )
        checked = {"defects": defects, "is_bound": is_bound, "office": office}
        if await act(work, "examined", "EXAMINE", checked) and is_bound:
            await act(work, "approved", "APPROVE", {"without_father": False})

    async def register(self, work: Work) -> None:
        """The act itself. Registered with another name meanwhile: that name holds, and the parents are told."""
        case, said = known_in(work)
        names, acting = _named(work.arguments), work.arguments["acting"]
        path, basis = f"/births/{bare(said.child)}/registration", self._grounds.notice
        # where the official acted
        decided_in = work.arguments.get("decided_in") or case.data.get("conflict")
        try:
            answer = await work.call(
                "registration", POPULATION, "POST", path, names, basis=basis, acting=acting, case=decided_in
            )
        except CallerError as refusal:
            birth = await self.birth(work, said.child)
            if birth["status"] == "REGISTERED":
                await act(work, "registered", "REGISTER", _registered(birth))
            else:
                defects = [found["code"] for found in birth["defects"]] or [refusal.code]
                await act(work, "halt", "HALT", {"defects": defects})
            return
        await act(work, "registered", "REGISTER", _registered(answer.json))

    async def send_back(self, work: Work) -> None:
        """The return is the register's decision, too: it keeps the record. One that is registered meanwhile needs none."""
        _case, said = known_in(work)
        body = {**_named(work.arguments), "reasons": work.arguments["reasons"]}
        path = f"/births/{bare(said.child)}/return"
        try:
            await work.call(
                "return",
                POPULATION,
                "POST",
                path,
                body,
                basis=self._grounds.notice,
                acting=work.arguments["acting"],
            )
        except CallerError as refusal:
            log.refusal("birth.return_not_recorded", refusal)

    async def registered(self, work: Work) -> None:
        """The register says that it is done: by this case's own act, or by an office without us."""
        case = await case_of(work, self._service)
        if case is None:
            return
        birth = await self.birth(work, child_in(work), case)
        if birth["status"] == "REGISTERED":
            await act(work, "registered", "REGISTER", _registered(birth), case)

    async def birth(self, work: Work, child: str, case: str | None = None) -> Mapping[str, Any]:
        path = f"/births/{bare(child)}"
        answer = await work.call("birth", POPULATION, "GET", path, basis=self._grounds.notice, case=case)
        found: Mapping[str, Any] = answer.json
        return found


def _named(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The name as the register is sent it; of a job of an earlier version without who signed and what was seen."""
    names = {name: arguments[name] for name in ("given_names", "family_name", "without_father")}
    left = {"left_to_office": True} if arguments.get("left_to_office") else {}
    return {**names, **left, "signed_by": arguments.get("signed_by"), "official": arguments.get("look", {})}


def _registered(body: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: body[name] for name in ("given_names", "family_name", "registered_at")}
    return {**kept, "decision": body.get("decision")}
