"""An owner leases a dwelling out, or says when a lease ends: the register enters it, and who rents is told (docs/journeys.md).

    OPENED ──SAY──▶ SAID ──RECORD──▶ CLOSED
       ▲             └──REFUSE──▶ OPENED
       └──WITHDRAW──▶ CLOSED

The owner is a person, or a company by whoever represents it. A lease that has not begun is withdrawn by a last day before its first. What
is leased is a fact of who rents: they see it in their data, and say there that it is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, ClassVar

from sild.cases.actor import Actor, Reader
from sild.cases.birth_facts import RESIDENCE, bare
from sild.cases.birth_work import act
from sild.cases.case import Case, Party, Taken
from sild.cases.codes import is_company
from sild.cases.move_facts import ours
from sild.cases.packs import Packs
from sild.cases.process import (
    OPENED,
    Asking,
    Effects,
    Given,
    Job,
    JobFunction,
    NewNotice,
    Process,
    Rule,
    Waiting,
    Work,
)
from sild.cases.refusals import UNPROVEN
from sild.cases.views import FactLine, Options
from sild.catalogue import Defect, Screen
from sild.errors import CallerError
from sild.i18n import Speaker, Texts, format_day

__all__ = ["Lease"]

NEW = "new"
OF_NEW = ("dwelling", "person", "number", "valid_from")
REASONS = (
    "not_an_owner",
    "is_an_owner",
    "unknown_person",
    "person_is_dead",
    "unknown_lease",
    "ends_in_the_past",
    "another_lease_follows",
    "date_out_of_range",
)
DAY = timedelta(days=1)
FARTHEST_BACK = LONGEST = 36_525 * DAY
FARTHEST_AHEAD = 731 * DAY
"""Of a first day, and of a lease: as the register takes them."""


class Lease(Process):
    service = "lease"
    opener = "owner"
    rules = (
        Rule("SAY", by=("owner",), when=(OPENED,), to="SAID", screen="lease.say", acr="substantial", says=("residence/leaseOut", "residence/endLease")),
        Rule("WITHDRAW", by=("owner",), when=(OPENED,), to="CLOSED", screen="lease.say"),
        Rule("REFUSE", by=("state",), when=("SAID",), to=OPENED),
        Rule("RECORD", by=("state",), when=("SAID",), to="CLOSED"),
        Rule("SILENCE", by=("state",), to="CLOSED"),
    )  # fmt: skip
    waiting = (Waiting("lease.say", "owner", (OPENED,)),)
    silenced: ClassVar[Mapping[str, tuple[str, ...]]] = {"owner": ("death",)}

    def __init__(self, packs: Packs) -> None:
        """packs: with the service, whose grounds every message cites, and its texts. Raises CallerError (`no_legal_ground`)."""
        service = packs.services[self.service]
        self._owned = service.ground_of("person.dwellings")
        self._given = service.ground_of("dwelling.leases")
        self._texts = Texts(packs.profile.languages, packs.texts)

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        if rule.name != "SAY":
            return Given({})
        today = asking.profile.day(asking.now)
        last = date.fromisoformat(values["last_day"]) if values.get("last_day") else None
        if last is not None and last > today + FARTHEST_AHEAD + LONGEST:
            return Given({}, (Defect("last_day", "date_out_of_range"),))
        ends = None if last is None else (last + DAY).isoformat()
        if values["which"] != NEW:
            wrong = last is not None and last < today
            given = {"lease": int(values["which"]), "valid_to": ends}
            return Given(given, (Defect("last_day", "ends_in_the_past"),) if wrong else ())
        begins = date.fromisoformat(values["valid_from"])
        code, number = (str(values[name]).strip() for name in ("person", "number"))
        defects = []
        if not (code.isascii() and code.isalnum()):
            defects.append(Defect("person", "not_a_code"))
        if not today - FARTHEST_BACK <= begins <= today + FARTHEST_AHEAD:
            defects.append(Defect("valid_from", "date_out_of_range"))
        elif last is not None and last - begins >= LONGEST:
            defects.append(Defect("last_day", "date_out_of_range"))
        if last is not None and last < begins:
            defects.append(Defect("last_day", "ends_before_it_begins"))
        if not _is_number(number):
            defects.append(Defect("number", "not_a_number"))
        given = {
            "dwelling": values["dwelling"],
            "person": ours(code, asking.profile),
            "number": number,
            "valid_from": begins.isoformat(),
            "valid_to": ends,
        }
        return Given(given, tuple(defects))

    def after(self, case: Case, taken: Taken) -> Effects:
        match taken.name:
            case "SAY":
                return Effects(jobs=(Job("enter", {"acting": taken.person}, key=str(taken.seq)),))
            case "REFUSE":
                owner = case.persons("owner")[0]
                return Effects(notices=(NewNotice(owner, "lease.notice.refused"),))
            case "RECORD":
                return _recorded(taken)
        return Effects()

    # --- what takes time

    def jobs(self) -> Mapping[str, JobFunction]:
        return {"enter": self.enter}

    async def enter(self, work: Work) -> None:
        """The register takes what the owner says, or says why not."""
        assert work.case is not None
        case, said = work.case, work.case.given("SAY")
        is_new = "lease" not in said
        body: dict[str, Any] = {"valid_to": said["valid_to"]}
        path = f"/leases/{said.get('lease')}/end"
        if is_new:
            path = f"/dwellings/{said['dwelling']}/leases"
            own = {name: said[name] for name in ("number", "valid_from")}
            body = {**body, **own, "lessee": bare(said["person"])}
        try:
            answer = await work.call(
                "lease",
                RESIDENCE,
                "POST",
                path,
                body,
                basis=self._given,
                acting=str(work.arguments["acting"]),
                acting_for=case.persons("owner")[0],
                says="leaseOut" if is_new else "endLease",
            )
        except CallerError as refusal:
            await act(work, "refused", "REFUSE", {"reason": refusal.code})
            return
        held = answer.json
        told = {name: held.get(name) for name in ("number", "text", "valid_from", "valid_to")}
        lessee = ours(held["lessee"], work.profile)
        others = [ours(code, work.profile) for code in held.get("co_owners", ())]
        given = {**told, "lessee": lessee, "co_owners": others, "is_new": is_new}
        given |= {name: held.get(name, False) for name in ("is_kept_apart", "is_withdrawn")}
        await act(work, "recorded", "RECORD", given)

    # --- what is shown

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        """The owner's own dwellings, and what is leased of them already: a person's, or a company's."""
        whose = f"/{'companies' if is_company(actor.acting_for) else 'persons'}/{bare(actor.acting_for)}"
        owned = await asking.get(RESIDENCE, f"{whose}/dwellings", basis=self._owned)
        homes = owned.json["items"] if owned is not None else []
        given = await asking.get(RESIDENCE, f"{whose}/leases-given", basis=self._given)
        leases = given.json["items"] if given is not None else []
        say, language = self._say(actor), self._texts.choose([actor.language])
        today = asking.profile.day(asking.now)
        held = [(str(one["fact"]), _worded(one, today, say, language)) for one in leases]
        return {
            "dwellings": [(home["dwelling"], home["text"]) for home in homes],
            "leases": [(NEW, say("option.new")), *held],
        }

    async def suggested(self, case: Case, screen: Screen, actor: Actor) -> Mapping[str, Sequence[str]]:
        """What the register refused stands there again; at first, a new lease."""
        said = case.given("SAY")
        if not said:
            return {"which": [NEW]}
        last = date.fromisoformat(said["valid_to"]) - DAY if said["valid_to"] else None
        values = {"which": str(said.get("lease", NEW)), "last_day": last.isoformat() if last else ""}
        values |= {name: str(said[name]) for name in OF_NEW if name in said}
        return {name: [value] for name, value in values.items() if value}

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        if of != "refused":
            return None
        reason = case.given("REFUSE").get("reason")
        key = reason if reason in REASONS else "say_again" if reason in UNPROVEN else "other"
        return [FactLine("lease.refused", of, self._say(actor)(f"reason.{key}"))] if reason else []

    def _say(self, actor: Actor) -> Speaker:
        say = self._texts.speaker(self._texts.choose([actor.language]))
        return lambda key, **values: say(f"lease.{key}", **values)

    def shown(self, case: Case, taken: Taken, role: str, reader: Reader) -> Mapping[str, Any]:
        return {"reason": taken.data["reason"]} if taken.name == "REFUSE" else {}

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        """The same for all: what the register holds now."""
        held = case.given("RECORD")
        if not held:
            return {}
        shown = {"dwelling": held["text"], "number": held["number"], "valid_from": held["valid_from"]}
        if held.get("is_withdrawn"):
            return {**shown, "state": "withdrawn"}
        ends = held["valid_to"]
        last = None if ends is None else (date.fromisoformat(ends) - DAY).isoformat()
        return {**shown, **({} if last is None else {"last_day": last})}


def _recorded(taken: Taken) -> Effects:
    """Who rents and who owns the dwelling, too, join the case, which they may look at, and hear of it."""
    told, lessee = taken.data, taken.data["lessee"]
    values = {"dwelling": told["text"]}
    key = "entered" if told["is_new"] else "open_ended"
    if told.get("is_withdrawn"):
        key = "withdrawn"
    elif not told["is_new"] and told["valid_to"] is not None:
        key = "ends"
        values["last_day"] = (date.fromisoformat(told["valid_to"]) - DAY).isoformat()
    others = told["co_owners"]
    hears = (
        () if told.get("is_kept_apart") else (lessee,)
    )  # nobody writes by a lease to whom an order keeps from them
    return Effects(
        parties=(*(Party("lessee", one) for one in hears), *(Party("co_owner", one) for one in others)),
        notices=(
            *(NewNotice(one, f"lease.notice.{key}", values) for one in hears),
            *(NewNotice(one, f"lease.notice.co_owner_{key}", values) for one in others),
        ),
    )


def _worded(lease: Mapping[str, Any], today: date, say: Speaker, language: str) -> str:
    begins, ends = date.fromisoformat(lease["valid_from"]), lease.get("valid_to")
    said = {"dwelling": lease["text"], "number": lease["number"]}
    if begins > today:
        return say("option.coming_lease", **said, first_day=format_day(begins, language))
    if ends is None:
        return say("option.open_lease", **said)
    return say("option.lease", **said, last_day=format_day(date.fromisoformat(ends) - DAY, language))


def _is_number(text: str) -> bool:
    """As the register takes it."""
    return (
        any(sign.isdigit() for sign in text)
        and text.isascii()
        and all(sign.isalnum() or sign in "./_-" for sign in text)
    )
