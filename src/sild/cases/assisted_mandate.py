"""A clerk's one-off mandate as a case of the person's own: told to them at once, theirs to end, kept with all that came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sild.cases.actor import Actor, Reader
from sild.cases.assisted import ASSISTED
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
from sild.cases.views import FactLine
from sild.errors import CallerError
from sild.i18n import Texts

__all__ = ["Assisted"]


class Assisted(Process):
    service = ASSISTED
    rules = (
        Rule("BEGIN", by=("state",), when=(OPENED,), once="case"),
        Rule("END", by=("person",), when=(OPENED,), to="ENDED", screen="assisted.mandate", in_person=True),
        Rule("LEAVE", by=("clerk",), when=(OPENED,), to="ENDED"),
        Rule("SENT", by=("state",), when=(OPENED,), to="ENDED"),
        Rule("EXPIRE", by=("state",), when=(OPENED,), to="ENDED"),
    )
    waiting = (Waiting("assisted.mandate", "person", (OPENED,), optional=True),)
    closed = ("ENDED",)

    def __init__(self, packs: Packs) -> None:
        self._texts = Texts(packs.profile.languages, packs.texts)
        self._titles = {name: dict(service.title) for name, service in packs.services.items()}

    def after(self, case: Case, taken: Taken) -> Effects:
        person = case.persons("person")[0]
        match taken.name:
            case "OPEN":
                until = datetime.fromisoformat(case.data["until"])
                notice = NewNotice(person, "assisted.notice.given")
                return Effects(notices=(notice,), jobs=(Job("expire", at=until),))
            case "SENT":
                return Effects(notices=(NewNotice(person, "assisted.notice.sent"),), cancel_jobs=("expire",))
            case "END" | "LEAVE":
                return Effects(cancel_jobs=("expire",))
        return Effects()

    def jobs(self) -> Mapping[str, JobFunction]:
        return {"expire": self.expire}

    async def expire(self, work: Work) -> None:
        try:
            await work.act("expired", "EXPIRE")
        except CallerError as refused:
            if refused.code not in ("too_late", "case_closed"):
                raise

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        """Who helps, with what, how they knew the person, until when, and the case it came to."""
        if of != "mandate":
            return None
        say = self._texts.speaker(self._texts.choose([actor.language]))
        data = case.data
        document = data.get("document")
        lines: Mapping[str, Any] = {
            "assisted.service": self._titles.get(data["service"]),
            "assisted.clerk": data.get("clerk"),
            "assisted.office": data.get("office"),
            "assisted.way": say(f"assisted.way.{data['way']}"),
            "assisted.document": say(f"assisted.document.{document}") if document else None,
            "assisted.number": data.get("number"),
            "assisted.statement": data["statement"],
            "assisted.until": data["until"],
            "assisted.case": case.given("BEGIN").get("number"),
        }
        return [FactLine(concept, of, value) for concept, value in lines.items() if value]

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        """Who helped with what, still there when the mandate has ended."""
        if role != "person":
            return {}
        data = case.data
        told = {"service": self._titles.get(data["service"]), "clerk": data.get("clerk")}
        told |= {name: data.get(name) for name in ("office", "way", "document", "statement")}
        told["case"] = case.given("BEGIN").get("number")
        return {name: value for name, value in told.items() if value}
