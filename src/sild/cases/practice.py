"""The family doctor: a person looks in whose list they are, and chooses another (docs/journeys.md).

    OPENED ──CHOOSE──▶ CHOSEN ──LIST──▶ CLOSED
       │                  └──REFUSE──▶ REFUSED ──CHOOSE──▶ CHOSEN
       └──WITHDRAW──▶ CLOSED

The register keeps the lists and lets nobody into a full one; of two who want the last place one has it, the other chooses again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from sild.cases.actor import Actor, Reader
from sild.cases.birth_facts import RESIDENCE, bare
from sild.cases.birth_work import act, spoken_by
from sild.cases.case import Case, Taken
from sild.cases.packs import Packs
from sild.cases.process import (
    OPENED,
    Asking,
    Effects,
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
from sild.catalogue import Screen
from sild.errors import CallerError
from sild.i18n import Speaker, Texts, format_day

__all__ = ["Practice"]

CARE = "GOV/70000003/care"
TO_CHOOSE = (OPENED, "REFUSED")
REASONS = ("list_is_full", "already_listed", "unknown_practice")


class Practice(Process):
    service = "practice"
    opener = "person"
    rules = (
        Rule("CHOOSE", by=("person",), when=TO_CHOOSE, to="CHOSEN", screen="practice.choose", acr="substantial", says=("care/choosePractice",)),
        Rule("WITHDRAW", by=("person",), when=TO_CHOOSE, to="CLOSED", screen="practice.choose"),
        Rule("LIST", by=("state",), when=("CHOSEN",), to="CLOSED"),
        Rule("REFUSE", by=("state",), when=("CHOSEN",), to="REFUSED"),
        Rule("SILENCE", by=("state",), to="CLOSED"),
    )  # fmt: skip
    waiting = (Waiting("practice.choose", "person", TO_CHOOSE),)
    silenced: ClassVar[Mapping[str, tuple[str, ...]]] = {"person": ("death",)}

    def __init__(self, packs: Packs) -> None:
        """packs: with the service, whose grounds every message cites, and its texts. Raises CallerError (`no_legal_ground`)."""
        service = packs.services[self.service]
        self._listed = service.ground_of("person.practice")
        self._home = service.ground_of("person.residence")
        self._texts = Texts(packs.profile.languages, packs.texts)

    def after(self, case: Case, taken: Taken) -> Effects:
        person = case.persons("person")[0]
        match taken.name:
            case "CHOOSE":
                said = {"acting": taken.person, "for": person}
                return Effects(jobs=(Job("enter", said, key=str(taken.seq)),))
            case "LIST":
                told = {"name": taken.data["name"], "since": taken.data["since"]}
                return Effects(notices=(NewNotice(person, "practice.notice.listed", told),))
            case "REFUSE":
                return Effects(notices=(NewNotice(person, "practice.notice.refused"),))
        return Effects()

    def jobs(self) -> Mapping[str, JobFunction]:
        return {"enter": self.enter}

    async def enter(self, work: Work) -> None:
        """The register takes the choice, or says why not."""
        assert work.case is not None
        person = work.case.persons("person")[0]
        acting, whose = spoken_by(work)
        body = {"practice": work.case.given("CHOOSE")["practice"]}
        path = f"/persons/{bare(person)}/practice"
        try:
            answer = await work.call(
                "practice",
                CARE,
                "POST",
                path,
                body,
                basis=self._listed,
                acting=acting,
                acting_for=whose,
                says="choosePractice",
            )
        except CallerError as refusal:
            await act(work, "refused", "REFUSE", {"reason": refusal.code})
            return
        held = answer.json.get("later") or answer.json["now"]
        await act(work, "listed", "LIST", {"name": held["name"], "since": held["valid_from"]})

    # --- what is shown

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        """Practices with room where the person lives; of who has no home here, where their doctor is."""
        say = self._say(actor)
        near = await self._near(case, actor, asking)
        return {
            "practices": [(number, say("room", name=name, free=str(free))) for number, name, free in near]
        }

    async def _near(self, case: Case, actor: Actor, asking: Asking) -> list[tuple[str, str, int]]:
        """Number, name and room of those that can be chosen."""
        listing = await self._listing(case, asking)
        newest = (listing or {}).get("later") or (listing or {}).get("now") or {}
        division = await self._division(case, asking) or newest.get("division")
        if division is None:
            return []
        answer = await asking.get(CARE, f"/practices?division={division}", basis=self._listed)
        found = answer.json["items"] if answer is not None else []
        return [
            (one["id"], one["name"], one["free"])
            for one in found
            if one["free"] and one["id"] != newest.get("practice")
        ]

    async def _division(self, case: Case, asking: Asking) -> str | None:
        answer = await asking.get(RESIDENCE, f"{_path(case)}/residence", basis=self._home)
        lives = answer.json if answer is not None else {}
        if lives.get("level") not in ("dwelling", "commune"):
            return None
        units = lives.get("now") or [lives["division"]]
        return str(units[0]["code"])

    async def _listing(self, case: Case, asking: Asking) -> Mapping[str, Any] | None:
        answer = await asking.get(CARE, f"{_path(case)}/practice", basis=self._listed)
        return None if answer is None else answer.json

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        say = self._say(actor)
        if of == "refused":
            reason = case.given("REFUSE").get("reason")
            key = reason if reason in REASONS else "say_again" if reason in UNPROVEN else "other"
            words = say(f"reason.{key}")
            return [FactLine("practice.refused", of, words)] if reason else []
        if of != "listing":
            return None
        listing = await self._listing(case, asking) or {}
        language = self._texts.choose([actor.language])
        lines = []
        for name in ("now", "later"):
            if held := listing.get(name):
                since = format_day(date.fromisoformat(held["valid_from"]), language)
                value = [held["name"], *([since] if name == "later" else [])]
                lines.append(
                    FactLine(
                        f"practice.{name}",
                        of,
                        value,
                        register=CARE,
                        source=held["source"],
                        valid_from=held["valid_from"],
                    )
                )
        return lines

    def _say(self, actor: Actor) -> Speaker:
        say = self._texts.speaker(self._texts.choose([actor.language]))
        return lambda key, **values: say(f"practice.{key}", **values)

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        return dict(case.given("LIST"))


def _path(case: Case) -> str:
    return f"/persons/{bare(case.persons('person')[0])}"
