"""What follows the registration of a birth: home, cover, card, benefits, kindergarten, each said by the body whose it is.

Events may come late, twice, in any order: each only says that there is something to ask for, and the answer is what counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sild.cases.birth_bereaved import living
from sild.cases.birth_facts import (
    EDUCATION,
    INSURANCE,
    RESIDENCE,
    SOCIAL,
    Grounds,
    bare,
    declared,
    homes_of,
    known,
    recorded,
    standing_of,
)
from sild.cases.birth_work import act, case_of, child_in, known_in, spoken_by
from sild.cases.home_by_hand import home_by_hand
from sild.cases.process import JobFunction, Work
from sild.cases.refusals import UNPROVEN
from sild.errors import CallerError

__all__ = ["BirthFollow"]


OFFER_MADE, PLACE_OFFERED = "social.offer.made", "education.place.offered"


class BirthFollow:
    def __init__(self, service: str, grounds: Grounds) -> None:
        self._service = service
        self._grounds = grounds

    def by_kind(self) -> Mapping[str, JobFunction]:
        return {
            "address": self.address,
            "wish": self.wish,
            "catch_up": self.catch_up,
            "cover": self.cover,
            "card": self.card,
            "corrected": self.corrected,
            "offer": self.offer,
            "granted": self.granted,
            "queue": self.queue,
            "answer_place": self.answer_place,
            "accept": self.accept,
            "remind": self.remind,
            "close": self.close,
        }

    async def address(self, work: Work) -> None:
        """The child lives with the parent whose home was chosen; what cannot be entered, an office enters by hand."""
        if work.case is None or recorded(work.case) is None:  # RECORD asks again
            return
        case, said = known_in(work)
        first = declared(case)
        homes = {role: one for role, one in homes_of(case) if one not in case.departed()}
        chosen = str(first.data["address"]) if first is not None else None
        sent_on = work.profile.day(first.at if first is not None else work.at)
        home = homes.get(chosen or "")
        if home is None and chosen is None and await self._lives_already(work, bare(said.child)):
            await act(work, "lives", "ADDRESS", {"state": "entered"})
            return
        if home is None:
            why = "parent_died" if case.departed() else "home_not_chosen"
            await self._by_hand(work, homes, sent_on, "home_later" if chosen == "later" else why)
            return
        try:
            path = f"/persons/{bare(home)}/residence"
            lives = (await work.call("home", RESIDENCE, "GET", path, basis=self._grounds.residence)).json
            dwelling, division = lives.get("dwelling"), lives.get("division")
            if dwelling is None and division is None:
                raise CallerError("sealed, abroad, or not known", code=lives["level"])
            move = {
                "people": [bare(said.child)],
                "to": {"division": division["code"]} if dwelling is None else {"dwelling": dwelling},
                "joins": bare(home),
                "valid_from": said.born.isoformat(),
                "sent_on": sent_on.isoformat(),
                "custodians": {bare(said.child): [bare(person) for person in living(case)]},
            }
            await work.call("move", RESIDENCE, "POST", "/moves", move, basis=self._grounds.residence)
        except CallerError as refusal:
            await self._by_hand(work, homes, sent_on, refusal.code)
            return
        await act(work, "entered", "ADDRESS", {"state": "entered"})

    async def _lives_already(self, work: Work, child: str) -> bool:
        """An office that registered the birth without us may have entered the home, too."""
        path = f"/persons/{child}/residence"
        try:
            lives = (await work.call("lives", RESIDENCE, "GET", path, basis=self._grounds.residence)).json
        except CallerError:
            return False
        return lives["level"] in ("dwelling", "commune", "abroad")

    async def _by_hand(self, work: Work, homes: Mapping[str, str], sent_on: date, why: str) -> None:
        """homes: of those who live, by role."""
        case, said = known_in(work)
        await act(work, "by_hand", "ADDRESS", {"state": "by_hand", "defects": [why]})
        bared = {role: bare(person) for role, person in homes.items()}
        await home_by_hand(work, case, bare(said.child), said.born, bared, sent_on=sent_on, why=why)

    async def wish(self, work: Work) -> None:
        """The kindergarten the parents wish for, once the child is in the municipality's queue."""
        case, said = known_in(work)
        first = declared(case)
        assert first is not None
        wished = first.data["kindergarten"]
        body = {
            "kindergarten": wished if wished == "any" else int(wished),
            "wanted_from": first.data.get("wanted_from"),
        }
        path = f"/children/{bare(said.child)}/wish"
        basis = self._grounds.places
        try:
            answer = await work.call(
                "wish",
                EDUCATION,
                "POST",
                path,
                body,
                basis=basis,
                acting=first.person,
                acting_for=first.acting_for,
                says="wishPlace",
            )
        except CallerError as refusal:
            if refusal.code in UNPROVEN:
                await act(
                    work, "say_again", "REFUSE_WISH", {"reason": refusal.code, "person": first.acting_for}
                )
            await act(work, "not_wished", "QUEUE", {"state": "waiting", "reason": refusal.code})
            return
        await act(work, "queue", "QUEUE", standing_of(answer.json))

    async def catch_up(self, work: Work) -> None:
        """What may have been told before this case could hear it."""
        await self.cover(work)
        await self.card(work)
        await self.offer(work)
        await self.queue(work)

    async def cover(self, work: Work) -> None:
        case, child = await case_of(work, self._service), child_in(work)
        if case is None:
            return
        answer = await work.call(
            "cover", INSURANCE, "GET", f"/persons/{child}/cover", basis=self._grounds.cover, case=case
        )
        if answer.json["insured"]:
            cover = {name: answer.json.get(name) for name in ("valid_from", "decision")}
            await act(work, "covered", "COVER", cover, case)

    async def card(self, work: Work) -> None:
        case, child = await case_of(work, self._service), child_in(work)
        if case is None:
            return
        path = f"/persons/{child}/card"
        try:
            card = (
                await work.call("card", INSURANCE, "GET", path, basis=self._grounds.cover, case=case)
            ).json
        except CallerError:  # none yet: its event comes
            return
        office = (card.get("office") or {}).get("name")
        await act(work, "carded", "CARD", {"number": card["number"], "office": office}, case)

    async def corrected(self, work: Work) -> None:
        """A register decided again, because a fact was corrected: the parents hear of it in this case, open or closed."""
        person = known(child_in(work), work.profile.country)
        live = await work.cases("case", self._service, person)
        found = live or await work.cases("closed", self._service, person, closed=True)
        told = work.arguments["event"]
        data = {name: told["data"].get(name) for name in ("decision", "supersedes")}
        for case in found[:1]:
            if await work.current("status", case) != "SILENCED":
                await act(work, "corrected", "CORRECT", {**data, "register": told["source"].strip("/")}, case)

    async def offer(self, work: Work) -> None:
        """The offer as it stands: open, held for people, refused. What was refused and is open again opens the case again."""
        case, child = await case_of(work, self._service), child_in(work)
        if case is None and _is(work, OFFER_MADE):
            case = await self._closed(work)
        if case is None:
            return
        path = f"/persons/{child}/offers"
        offers = (
            await work.call("offers", SOCIAL, "GET", path, basis=self._grounds.benefits, case=case)
        ).json["items"]
        for offer in [offer for offer in offers if offer["child"] == child][-1:]:
            what = {"offer": offer["id"], "version": offer["version"], "state": offer["state"]}
            what |= {"decision": offer.get("decision")}
            match offer["state"]:
                case "open":
                    if not await act(work, "offered", "OFFER", what, case) and await self._reopened(
                        work, case
                    ):
                        await act(work, "offered/again", "OFFER", what, case)
                case "held" | "withdrawn" if offer["state"] == "held" or offer["reason"] == "refused":
                    await act(work, "held", "HOLD_OFFER", {**what, "reason": offer["reason"]}, case)
                case "accepted":
                    await act(
                        work, "granted", "GRANT", {**what, "choice": offer["acceptance"]["choice"]}, case
                    )

    async def granted(self, work: Work) -> None:
        """Somebody accepted: here, or at the board's own counter. What was granted is a decision of its own."""
        await self.offer(work)
        decision = work.arguments.get("event", {}).get("data", {}).get("decision")
        person = known(child_in(work), work.profile.country)
        found = await work.cases("granted_in", self._service, person, closed=True)
        if decision is not None and found:
            await work.brought("brought", SOCIAL, str(decision), case=found[-1])

    async def accept(self, work: Work) -> None:
        """The parent's word for a choice, said by the parent. Granted once everybody has said it whose word it needs."""
        accepted = work.arguments
        body = {"choice": accepted["choice"], "account": accepted["account"], "version": accepted["version"]}
        path = f"/offers/{accepted['offer']}/acceptance"
        acting, whose = spoken_by(work)
        basis = self._grounds.benefits
        try:
            answer = await work.call(
                "accept",
                SOCIAL,
                "POST",
                path,
                body,
                basis=basis,
                acting=acting,
                acting_for=whose,
                says="acceptOffer",
            )
        except CallerError as refusal:
            await act(work, "refused", "REFUSE_ACCEPTANCE", {"reason": refusal.code, "person": whose})
            await self.offer(work)  # changed, or accepted by the other parent: as it stands now
            return
        now = answer.json
        if now["state"] != "accepted":
            said = {word["person"] for word in now["words"] if word["choice"] == accepted["choice"]}
            needs = next(one["needs"] for one in now["choices"] if one["id"] == accepted["choice"])
            waits = [known(one, work.profile.country) for one in needs if one not in said]
            word = {name: accepted[name] for name in ("offer", "version", "choice")}
            await act(work, "awaits", "AWAIT_WORD", {**word, "person": whose, "waits_for": waits})
            return
        await act(work, "granted", "GRANT", {"offer": accepted["offer"], "choice": accepted["choice"]})

    async def answer_place(self, work: Work) -> None:
        """A parent's yes or no to the place, said by the parent. Too late, or not theirs: they are told, and what holds is seen."""
        acting, whose = spoken_by(work)
        path = f"/children/{child_in(work)}/place"
        body = {"accept": work.arguments["accept"]}
        basis = self._grounds.places
        try:
            answer = await work.call(
                "answer",
                EDUCATION,
                "POST",
                path,
                body,
                basis=basis,
                acting=acting,
                acting_for=whose,
                says="answerPlace",
            )
        except CallerError as refusal:
            await act(work, "not_answered", "REFUSE_PLACE", {"reason": refusal.code, "person": whose})
            await self.queue(work)
            return
        await act(work, "answered", "QUEUE", standing_of(answer.json))

    async def queue(self, work: Work) -> None:
        """Where the child stands, from the municipality. A place offered after everything else was done opens the case again."""
        case, child = await case_of(work, self._service), child_in(work)
        is_offer = _is(work, PLACE_OFFERED)
        if case is None and is_offer:
            closed = await self._closed(work)
            case = closed if closed is not None and await self._reopened(work, closed) else None
        if case is None:
            return
        path = f"/children/{child}/queue"
        try:
            standing = (
                await work.call("queue", EDUCATION, "GET", path, basis=self._grounds.places, case=case)
            ).json
        except CallerError:  # not in the queue (any more)
            return
        is_told = await act(work, "queued", "QUEUE", standing_of(standing), case)
        if not is_told and is_offer and await self._reopened(work, case):  # closed since we looked
            await act(work, "queued/again", "QUEUE", standing_of(standing), case)

    async def _closed(self, work: Work) -> str | None:
        """The case of the event's child that came to its end, which may go on."""
        person = known(child_in(work), work.profile.country)
        for case in (await work.cases("closed", self._service, person, closed=True))[:1]:
            if await work.current("closed_as", case) != "SILENCED":
                return case
        return None

    async def _reopened(self, work: Work, case: str) -> bool:
        """Whether the case lives: opened again by this, or by something else since we looked."""
        if await act(work, "reopen", "REOPEN", {}, case):
            return True
        return await work.current("reopened", case) not in ("CLOSED", "SILENCED")

    async def remind(self, work: Work) -> None:
        """A week before the last day for a name."""
        await act(work, "remind", "REMIND", {})

    async def close(self, work: Work) -> None:
        await act(work, "close", "CLOSE", {})


def _is(work: Work, kind: str) -> bool:
    """Whether an event of this type asked for the job."""
    return bool(work.arguments.get("event", {}).get("type") == kind)
