"""What takes time in a case of moving home: messages to other bodies, each step done once, whatever dies in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sild.cases.birth_facts import POPULATION, RESIDENCE, bare, known
from sild.cases.birth_work import act
from sild.cases.case import Case
from sild.cases.move_effects import entered
from sild.cases.move_facts import (
    Grounds,
    Sent,
    entry_of,
    movers_of,
    office_of,
    ours,
    sent,
)
from sild.cases.move_words import TO_REGISTER, TO_SETTLE, carried, said_in, unsaid
from sild.cases.process import JobFunction, Work
from sild.cases.refusals import UNPROVEN
from sild.errors import CallerError
from sild.telemetry import get_logger

__all__ = ["MoveJobs", "is_minor"]

log = get_logger("cases")

CHANGED = "residence.changed"
ADULT = 18


class MoveJobs:
    def __init__(self, service: str, grounds: Grounds) -> None:
        self._service = service
        self._grounds = grounds

    def by_kind(self) -> Mapping[str, JobFunction]:
        return {
            "prepare": self.prepare,
            "correction": self.correction,
            "remind": self.remind,
            "lapse": self.lapse,
            "register": self.register,
            "take_back": self.take_back,
            "send_back": self.send_back,
            "settle": self.settle,
            "deliveries": self.deliveries,
            "heard": self.heard,
            "follow": self.follow,
            "found": self.found,
            "compare": self.compare,
        }

    # --- who has to be asked

    async def prepare(self, work: Work) -> None:
        """Look at everybody who moves, and at the dwelling; then ask whose word is needed. Who is in no register stops it."""
        _case, now = _sent_in(work)
        born, absent, sealed, before = await self._people(work, now)
        if absent:
            await act(work, "missing", "MISS", {"absent": absent})
            return
        minors = [code for code in now.people if is_minor(born[code], now.valid_from)]
        custodians = {child: await self._custodians(work, child) for child in minors}
        feared = await self._feared(work, now)
        owners, own, landlords, lessors = await self._owners(work, now)
        count, capacity = await self._room(work, now)
        joining = [code for code in now.people if code not in minors and code != now.resident]
        division = now.place.division or before
        told = {
            "owners": owners,
            "own": own,
            "landlords": landlords,
            "lessors": lessors,
            "joining": joining,
            "custodians": custodians,
            "feared": feared,
            "is_protected": bool(feared) or sealed,
            "until": work.profile.deadline("move.owner_answer", work.profile.day(work.at)).isoformat(),
            "count": count,
            "capacity": capacity,
            "office": office_of(work.profile, division, work.profile.day(work.at)),
        }
        await act(work, "ask", "ASK", told)

    async def _people(
        self, work: Work, now: Sent
    ) -> tuple[dict[str, date], list[dict[str, str]], bool, str | None]:
        """Birth days, who is in which register not, whether an address is sealed, and the commune where the resident lived."""
        born: dict[str, date] = {}
        absent: list[dict[str, str]] = []
        sealed, before = False, None
        for code in now.people:
            try:
                path = f"/persons/{bare(code)}"
                answer = await work.call(
                    f"person/{code}", POPULATION, "GET", path, basis=self._grounds.relations
                )
                born[code] = date.fromisoformat(answer.json["born"])
            except CallerError as refusal:
                absent += _absent(refusal, POPULATION, code)
            try:
                path = f"/persons/{bare(code)}/residence"
                answer = await work.call(
                    f"home/{code}",
                    RESIDENCE,
                    "GET",
                    path,
                    basis=self._grounds.household,
                    acting=now.sender,  # a machine is told no sealed address, and could not tell why
                    acting_for=now.resident,
                )
                sealed = sealed or answer.json["level"] == "sealed"
                before = before or (answer.json.get("division") or {}).get("code")
            except CallerError as refusal:
                absent += _absent(refusal, RESIDENCE, code)
        return born, absent, sealed, before

    async def _custodians(self, work: Work, child: str) -> list[str]:
        """Everybody alive who has custody: parents, and guardians by a court."""
        people = []
        for kind in ("parents", "guardians"):
            path = f"/persons/{bare(child)}/{kind}"
            answer = await work.call(
                f"{kind}/{child}", POPULATION, "GET", path, basis=self._grounds.relations
            )
            people += [
                ours(one["code"], work.profile)
                for one in answer.json["items"]
                if one["custody"] and one["status"] != "DEAD"
            ]
        return list(dict.fromkeys(people))

    async def _feared(self, work: Work, now: Sent) -> list[str]:
        """From whom somebody who moves is protected by a court."""
        against = []
        for code in now.people:
            path = f"/persons/{bare(code)}/facts"
            answer = await work.call(
                f"protection/{code}", POPULATION, "GET", path, basis=self._grounds.protection
            )
            orders = [fact for fact in answer.json["items"] if fact["name"] == "protection"]
            against += [ours(fact["key"], work.profile) for fact in orders]
        return list(dict.fromkeys(against))

    async def _owners(self, work: Work, now: Sent) -> tuple[list[str], list[str], list[str], list[str]]:
        """Whom to ask, and owners who move themselves: then nobody is asked. Nor for a lease: of one that no register has its owners

        are told at once; of one that it has, when the home is entered.
        """
        if now.place.kind != "dwelling":
            return [], [], [], []
        path = f"/dwellings/{now.place.id}/owners"
        answer = await work.call("owners", RESIDENCE, "GET", path, basis=self._grounds.owners)
        owners = [ours(one["code"], work.profile) for one in answer.json["items"]]
        own = [code for code in owners if code in (now.resident, *now.people)]
        if own:
            return [], own, [], []
        if now.basis == "lease":
            return ([], [], [], owners) if now.is_registered else ([], [], owners, [])
        return owners, [], [], []

    async def _room(self, work: Work, now: Sent) -> tuple[int, int | None]:
        """How many live there, and how many may."""
        if now.place.kind != "dwelling":
            return 0, None
        path = f"/dwellings/{now.place.id}/residents"
        answer = await work.call("room", RESIDENCE, "GET", path, basis=self._grounds.owners)
        return answer.json["count"], answer.json.get("capacity")

    async def correction(self, work: Work) -> None:
        """A case at the register that does not know somebody: it is theirs to put right. What is not proved opens none: they send again."""
        case, now = _sent_in(work)
        opened: list[dict[str, Any]] = []
        for number, absent in enumerate(case.given("MISS")["absent"]):
            body = {"person": bare(absent["person"]), "reason": f"moving home, case {case.number}"}
            register = POPULATION if absent["register"] == "population" else RESIDENCE
            try:
                answer = await work.call(
                    f"correction/{number}",
                    register,
                    "POST",
                    "/unknown-persons",
                    body,
                    basis=self._grounds.household,
                    acting=now.sender,
                    acting_for=now.resident,
                    says="missPerson",
                )
            except CallerError as refusal:
                if refusal.code not in UNPROVEN:
                    raise
                await act(work, "unproven", "REFER", {"opened": opened, "refused": refusal.code})
                return
            opened.append({**absent, "case": answer.json["id"]})
        await act(work, "opened", "REFER", {"opened": opened})

    async def remind(self, work: Work) -> None:
        await act(work, "remind", "REMIND", {})

    async def lapse(self, work: Work) -> None:
        """Who has said nothing until now is not waited for."""
        await act(work, "lapse", "LAPSE", {})

    # --- registration

    async def register(self, work: Work) -> None:
        """The entry itself, said by the official who decided; what people said to it goes with it, each word with its proof."""
        case, now = _sent_in(work)
        words, sent_along = await carried(work, said_in(case, TO_REGISTER))
        try:
            answer = await work.call(
                "move",
                RESIDENCE,
                "POST",
                "/moves",
                {**entry_of(case), "words": words, "official": work.arguments.get("look") or {}},
                basis=self._grounds.household,
                acting=str(work.arguments["acting"]),
            )
        except CallerError as refusal:
            defects = [code for code in str(refusal.detail.get("errors") or "").split(",") if code]
            places = [place for place in str(refusal.detail.get("pointers") or "").split(",") if place]
            if refusal.code in UNPROVEN and places:
                until = work.profile.deadline("move.owner_answer", work.profile.day(work.at)).isoformat()
                who = unsaid(case, places, sent_along)
                await act(work, "unsaid", "UNSAID", {"who": who, "until": until, "reason": refusal.code})
            elif absent := _unknown(refusal, movers_of(case)):
                await act(work, "missing", "MISS", {"absent": absent})
            else:
                await act(work, "halt", "HALT", {"defects": defects or [refusal.code]})
            return
        said = answer.json
        entry = {
            "id": said["id"],
            "level": said["level"],
            "text": said.get("text") or now.place.text,
            "valid_from": said["valid_from"],
            "merged": said["merged"],
            "people": [known(code, work.profile.country) for code in said["people"]],
            "decision": said.get("decision"),
        }
        await act(work, "registered", "REGISTER", entry)

    async def send_back(self, work: Work) -> None:
        """The return is the register's decision, too: it keeps the record. Of who is in no register there is none."""
        assert work.case is not None
        words, _ = await carried(work, said_in(work.case, TO_REGISTER))
        await self._recorded(work, "return", "/moves/return", {"words": words})

    async def settle(self, work: Work) -> None:
        """What the official found about owners who differ is the register's decision."""
        assert work.case is not None
        words, _ = await carried(work, said_in(work.case, TO_SETTLE))
        await self._recorded(work, "settled", "/owner-disputes", {"carried": words})

    async def take_back(self, work: Work) -> None:
        """So that nothing is done on what somebody said before they thought otherwise; what had its effect before has it."""
        said = work.arguments
        word = (await work.words([said["seq"]])).get(said["seq"])
        if word is None:
            return
        try:
            await work.call(
                "taken_back",
                RESIDENCE,
                "POST",
                "/words/withdrawal",
                {"word": word},
                basis=self._grounds.household,
                acting=str(said["acting"]),
                acting_for=str(said["for"]),
                says="withdrawWord",
            )
        except CallerError as refusal:
            log.refusal("move.word_not_taken_back", refusal)

    async def _recorded(self, work: Work, name: str, path: str, words: Mapping[str, Any]) -> None:
        try:
            await work.call(
                name,
                RESIDENCE,
                "POST",
                path,
                {**work.arguments["body"], **words},
                basis=self._grounds.household,
                acting=str(work.arguments["acting"]),
            )
        except CallerError as refusal:
            log.refusal("move.decision_not_recorded", refusal)

    async def deliveries(self, work: Work) -> None:
        """Who knows by now, and who could not be told yet: as the register that tells them says."""
        assert work.case is not None
        told: set[str] = set()
        failed: dict[str, dict[str, Any]] = {}
        for person in entered(work.case):
            path = f"/events/{bare(person)}/deliveries?type={CHANGED}"
            answer = await work.call(
                f"deliveries/{person}", RESIDENCE, "GET", path, basis=self._grounds.household
            )
            newest = max((one["time"] for one in answer.json["items"]), default="")
            for one in answer.json["items"]:
                body = one["subscriber"].strip("/").partition("/")[2]
                if one["time"] != newest:
                    continue
                if one["state"] == "delivered":
                    told.add(body)
                else:
                    failed[body] = {
                        "body": body,
                        "reason": one.get("last_error") or "not_sent_yet",
                        "next_try": one.get("next_attempt_at"),
                    }
        known_by = sorted(told - set(failed))
        await act(
            work, "told", "TELL", {"told": known_by, "failed": [failed[body] for body in sorted(failed)]}
        )

    # --- filed twice

    async def heard(self, work: Work) -> None:
        """A home was registered: live cases of that person look whether it is theirs."""
        person = known(str(work.arguments["event"]["subject"]), work.profile.country)
        for case in await work.cases("cases", self._service, person):
            await act(work, f"learn/{case}", "LEARN", {"person": person}, case)

    async def follow(self, work: Work) -> None:
        """A body says what it did of itself when the home had changed: in the case of that move, closed or not."""
        event = work.arguments["event"]
        said, person = event["data"], known(str(event["subject"]), work.profile.country)
        theirs = [
            *await work.cases("live", self._service, person),
            *await work.cases("closed", self._service, person, closed=True),
        ]
        if said.get("case") in theirs:
            body = str(event["source"]).strip("/").partition("/")[2]
            did = {"outcome": said["outcome"], "decision": said.get("decision"), "about": said.get("about")}
            await act(work, "follow", "FOLLOW", {"body": body, "person": person, **did}, said["case"])

    async def found(self, work: Work) -> None:
        """A register knows somebody now whom it missed: the notice goes on by itself. Who is missing elsewhere still stops it again."""
        person = known(str(work.arguments["event"]["subject"]), work.profile.country)
        for case in await work.cases("cases", self._service, person):
            await act(work, f"found/{case}", "FOUND", {"person": person}, case)

    async def compare(self, work: Work) -> None:
        """Everybody is registered there from that day: the two notices are one."""
        _case, now = _sent_in(work)
        for code in now.people:
            path = f"/persons/{bare(code)}/residence?on={now.valid_from.isoformat()}"
            home = (
                await work.call(
                    f"home/{code}",
                    RESIDENCE,
                    "GET",
                    path,
                    basis=self._grounds.household,
                    acting=now.sender,
                    acting_for=now.resident,
                )
            ).json
            at = {"dwelling": home.get("dwelling"), "division": (home.get("division") or {}).get("code")}
            same_place = at.get(now.place.kind) == now.place.id and home["level"] != "abroad"
            if not same_place or home.get("valid_from") != now.valid_from.isoformat():
                return
        await act(work, "merged", "MERGE", {})


def is_minor(born: date, on: date) -> bool:
    return (on.year - born.year - ((on.month, on.day) < (born.month, born.day))) < ADULT


def _sent_in(work: Work) -> tuple[Case, Sent]:
    assert work.case is not None
    now = sent(work.case)
    assert now is not None
    return work.case, now


def _absent(refusal: CallerError, register: str, code: str) -> list[dict[str, str]]:
    if refusal.code != "unknown_person":
        raise refusal
    return [{"register": register.rpartition("/")[2], "person": code}]


def _unknown(refusal: CallerError, movers: Sequence[str]) -> list[dict[str, str]]:
    """Whom the residence register does not know, by the places it names: `/people/1` is the second of the movers."""
    errors, pointers = (str(refusal.detail.get(name) or "").split(",") for name in ("errors", "pointers"))
    places = [at for code, at in zip(errors, pointers, strict=False) if code == "unknown_person"]
    return [
        {"register": "residence", "person": code}
        for number, code in enumerate(movers)
        if f"/people/{number}" in places
    ]
