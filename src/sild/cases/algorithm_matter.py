"""A matter of the algorithms: a canary was heard at the AI gateway, or the public register says what the running system does not.

    OPENED ──AWAIT──▶ WAITING ──SEE_TO──▶ CLOSED
                        ├─REMIND──▶ LATE ──▲
                        └──OVERTAKE──▶ OVERTAKEN: the register and the system agree again

Whoever looks (the portal, all the time) tells of it; the same is one case while it waits, and a new one when it is there still a
month after somebody closed it. It holds counts, names of settings and hashes, and nobody's data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sild.cases.actor import STATE, Actor, Reader
from sild.cases.answered import AnsweredByADay, when_late
from sild.cases.case import Case, Taken
from sild.cases.packs import Packs
from sild.cases.parts import Parts
from sild.cases.process import OPENED, Asking, Effects, Given, Job, JobFunction, Opening, Rule, Waiting, Work
from sild.cases.store import derived_id
from sild.cases.views import FactLine
from sild.catalogue import Defect
from sild.i18n import Texts, format_moment

__all__ = ["ALGORITHM_OFFICE", "AlgorithmMatter", "AlgorithmMatters", "MatterOfAlgorithms"]

ALGORITHM_OFFICE = "algorithm@70000001"
"""The body that keeps the register of algorithms and the gateway."""
SEE_TO = "algorithm_matter.see_to"
AGAIN = timedelta(days=30)
MOST_TIMES = 1_000


@dataclass(frozen=True, slots=True)
class MatterOfAlgorithms:
    """key: what makes it the same.  lines: name of a line -> its value, codes and numbers; told in words on the desk."""

    kind: Literal["canary", "difference"]
    key: str
    lines: Mapping[str, str]


class AlgorithmMatter(AnsweredByADay):
    service = "algorithm_matter"
    opener = None
    rules = (
        Rule("AWAIT", by=("state",), when=(OPENED,), to="WAITING"),
        Rule("REMIND", by=("state",), when=("WAITING",), to="LATE", once="case"),
        Rule(
            "SEE_TO",
            by=("official", "supervisor"),
            when=("WAITING", "LATE"),
            to="CLOSED",
            screen="algorithm_matter.desk",
        ),
        Rule("OVERTAKE", by=("state",), when=("WAITING", "LATE"), to="OVERTAKEN"),
    )
    waiting = (Waiting("algorithm_matter.desk", "official", ("WAITING", "LATE"), deadline=SEE_TO),)
    closed = ("CLOSED", "OVERTAKEN")

    def __init__(self, packs: Packs) -> None:
        self._texts = Texts(packs.profile.languages, packs.texts)
        self._profile = packs.profile

    def after(self, case: Case, taken: Taken) -> Effects:
        match taken.name:
            case "OPEN":
                return Effects(jobs=(Job("await"),))
            case "AWAIT":
                return Effects(jobs=(when_late(taken),))
            case "SEE_TO" | "OVERTAKE":
                return Effects(cancel_jobs=("remind",))
        return Effects()

    def jobs(self) -> Mapping[str, JobFunction]:
        return {**super().jobs(), "await": self.begin}

    async def begin(self, work: Work) -> None:
        due = work.profile.deadline(SEE_TO, work.profile.day(work.at))
        await work.act("waits", "AWAIT", {"due": due.isoformat()})

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        """A place that is switched off is spoken of where there was a switch."""
        if rule.name != "SEE_TO":
            return Given(values)
        if values["outcome"] == "stays_off" and not case.data["lines"].get("switched_off"):
            return Given(values, (Defect("outcome", "nothing_switched_off"),))
        return Given({**values, "acr": actor.acr, "posture": actor.posture})

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        if of != "algorithm":
            return ()
        language = self._texts.choose([actor.language])
        told = {"kind": case.data["kind"], **case.data["lines"]}
        return [
            FactLine(f"algorithm_matter.{name}", of, self._worded(name, value, language))
            for name, value in told.items()
        ]

    def _worded(self, name: str, value: str, language: str) -> str:
        if name == "at":
            at = datetime.fromisoformat(value).astimezone(ZoneInfo(self._profile.zone))
            return format_moment(at, language)
        key = f"algorithm_matter.{name}.{value}"
        return self._texts.speaker(language)(key) if key in self._texts else value

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        found: dict[str, Any] = {"kind": case.data["kind"], "algorithm": case.data["lines"].get("algorithm")}
        seen_to = case.last("SEE_TO")
        if seen_to is not None:
            found |= {"outcome": seen_to.data["outcome"], "words": seen_to.data["words"]}
        return found


class AlgorithmMatters:
    """Blocking. Told again, nothing is done twice."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def tell(self, found: Sequence[MatterOfAlgorithms]) -> int:
        """A case for each that none waits for; how many were opened. Raises Unavailable."""
        return self._parts.store.write(lambda connection: sum(self._open(connection, one) for one in found))

    def over(self, kind: str, but: Sequence[str]) -> int:
        """Every matter of this kind that waits, but those of these keys, is over by itself; how many. Raises Unavailable."""
        at = self._parts.clock()

        def write(connection: Connection) -> int:
            store, count = self._parts.store, 0
            for case in store.of_office(connection, ALGORITHM_OFFICE):
                if case.data.get("kind") == kind and case.data["key"] not in but and case.status != OPENED:
                    store.act(connection, case, "OVERTAKE", {}, STATE, "state", at)
                    count += 1
            return count

        return self._parts.store.write(write)

    def _open(self, connection: Connection, found: MatterOfAlgorithms) -> bool:
        store, at, service = self._parts.store, self._parts.clock(), AlgorithmMatter.service
        data = {"kind": found.kind, "key": found.key, "lines": dict(found.lines)}
        for time in range(1, MOST_TIMES):
            case_id = derived_id(service, found.kind, found.key, str(time))
            known = store.find(connection, case_id)
            if known is None:
                opening = Opening(office=ALGORITHM_OFFICE, data=data)
                store.open(connection, service, opening, STATE, "state", at, case_id=case_id)
                return True
            ended = known.actions[-1].at
            if known.status not in AlgorithmMatter.closed or found.kind == "canary":
                return False
            if known.status == "CLOSED" and at < ended + AGAIN:
                return False
        return False
