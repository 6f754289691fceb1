"""Another wish for a kindergarten, while the child waits: what each would come to is said before it is sent, and the queue's rule decides anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sild.cases.actor import Actor
from sild.cases.birth_bereaved import custodians_in
from sild.cases.birth_facts import EDUCATION, Grounds, bare, child_of, declared, standing_of
from sild.cases.birth_work import act, child_in, spoken_by
from sild.cases.case import Case
from sild.cases.process import Asking, Given, JobFunction, Work
from sild.cases.refusals import Refused
from sild.cases.views import FactLine
from sild.catalogue import Defect
from sild.errors import CallerError
from sild.i18n import Speaker

__all__ = ["SCREEN", "BirthWish", "may_wish", "standing_lines", "wished"]

SCREEN = "birth.wish"


def may_wish(case: Case) -> str | None:
    """Why no other kindergarten can be wished for now, as a code of `Refused`; None: it can."""
    said = case.all("QUEUE", "TAKE_PLACE", "DECLINE_PLACE", "REFUSE_PLACE", "WISH", "REFUSE_WISH")
    state = case.given("QUEUE").get("state")
    if state == "attending" or (said and said[-1].name == "TAKE_PLACE"):
        return "place_accepted"
    if state not in ("waiting", "offered") or said[-1].name in ("WISH", "DECLINE_PLACE"):
        return "too_late"  # out of the queue, or the register has not answered yet
    return None


def wished(case: Case) -> str | None:
    """The kindergarten that stands: of the newest wish."""
    newest = case.last("WISH") or declared(case)
    return None if newest is None else newest.data.get("kindergarten")


class BirthWish:
    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds

    def by_kind(self) -> Mapping[str, JobFunction]:
        return {"wish_anew": self.wish_anew}

    async def options(self, case: Case, asking: Asking, say: Speaker) -> list[tuple[str, str]]:
        """Each wish with what it would come to. Raises Refused as `may_wish` tells."""
        _ensure_may(case)
        seen = await self._foreseen(case, asking)
        return [(str(one["kindergarten"]), _in_words(one, say)) for one in seen]

    async def check(self, case: Case, values: Mapping[str, Any], actor: Actor, asking: Asking) -> Given:
        """With what was foreseen when it was sent. Raises Refused: `may_wish`; `no_custody`; `register_down`."""
        _ensure_may(case)
        if not case.departed():  # or the register was asked who acts
            await self._ensure_custody(case, actor, asking)
        wanted = str(values.get("kindergarten"))
        seen = await self._foreseen(case, asking)
        one = next((one for one in seen if str(one["kindergarten"]) == wanted), None)
        if one is None:
            return Given({}, (Defect("kindergarten", "not_an_option"),))
        kept = {name: one[name] for name in ("name", "place", "waiting", "offered")}
        return Given({"kindergarten": wanted, "wanted_from": case.given("QUEUE").get("wanted_from"), **kept})

    async def _foreseen(self, case: Case, asking: Asking) -> Sequence[Mapping[str, Any]]:
        path = f"/children/{child_of(case)}/wishes"
        answer = await asking.get(EDUCATION, path, basis=self._grounds.places)
        return () if answer is None else list(answer.json["items"])

    async def _ensure_custody(self, case: Case, actor: Actor, asking: Asking) -> None:
        """Whoever has custody by the population register decides where the child goes."""
        if bare(actor.acting_for) not in await custodians_in(asking, self._grounds, child_of(case)):
            raise Refused("who has custody decides this", code="no_custody")

    async def wish_anew(self, work: Work) -> None:
        """The wish, said by the parent. What it came to is seen, as after every wish; not taken: they are told."""
        said = work.arguments
        acting, whose = spoken_by(work)
        kindergarten = said["kindergarten"]
        body = {
            "kindergarten": kindergarten if kindergarten == "any" else int(kindergarten),
            "wanted_from": said["wanted_from"],
        }
        child, basis = child_in(work), self._grounds.places
        try:
            path = f"/children/{child}/wish"
            answer = await work.call(
                "wish",
                EDUCATION,
                "POST",
                path,
                body,
                basis=basis,
                acting=acting,
                acting_for=whose,
                says="wishPlace",
            )
        except CallerError as refusal:
            await act(work, "refused", "REFUSE_WISH", {"reason": refusal.code, "person": whose})
            try:
                answer = await work.call("queue", EDUCATION, "GET", f"/children/{child}/queue", basis=basis)
            except CallerError:  # no longer in the queue, or kept from machines: the child is protected
                return
        await act(work, "queued", "QUEUE", standing_of(answer.json))


def standing_lines(queue: Mapping[str, Any] | None, say: Speaker) -> Iterator[FactLine]:
    """Where the child stands today. queue: as the register says it now; None: it does not answer."""
    if queue is None:
        yield FactLine("child.kindergarten_queue", "queue", None, "register_down", register=EDUCATION)
        return
    group = queue["group"] or {}
    if queue["state"] == "waiting" and group:
        value = say("standing.waiting", name=group["name"], place=queue["place"], waiting=queue["waiting"])
    else:
        state = queue["state"] if group else "no_wish"
        value = say(f"standing.{state}", name=group.get("name", ""))
    decision = f"education/{queue['decision']}" if queue["decision"] else None
    yield FactLine("child.kindergarten_queue", "queue", value, register=EDUCATION, decision=decision)


def _ensure_may(case: Case) -> None:
    why_not = may_wish(case)
    if why_not is not None:
        raise Refused("another wish is not for now", code=why_not)


def _in_words(one: Mapping[str, Any], say: Speaker) -> str:
    what = "offered" if one["offered"] else "waits"
    key = f"option.wish_any_{what}" if one["kindergarten"] == "any" else f"option.wish_{what}"
    return say(key, name=one["name"], place=one["place"], waiting=one["waiting"], free=one["free"])
