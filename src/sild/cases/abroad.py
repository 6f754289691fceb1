"""Evidence from another country: what a service requires, asked of whoever has it there, because the person says so (docs/oots.md).

    ASK_EVIDENCE ──SHOW_EVIDENCE──▶ the person looks there ──FETCH_EVIDENCE──▶ TAKE_EVIDENCE
         └───────────────MISS_EVIDENCE (with its reason) ◀────────┘
    or instead, at any moment before it is there: UPLOAD_EVIDENCE, GO_WITHOUT

Part of every case whose service names requirements (`needs` of its pack), for the parties whose roles it names, where the directory knows
a provider. Nothing is asked before the person has said so, and nothing comes before they have seen it there and said so there. What comes
is believed by its seal alone, and kept with who issued it, when, by which messages. abroad_messages.py has the messages.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sild.cases.abroad_messages import Asked, AtSource, Messages
from sild.cases.actor import Actor
from sild.cases.birth_work import act
from sild.cases.case import Case, Taken
from sild.cases.codes import register_code, with_country
from sild.cases.files import CaseFiles
from sild.cases.packs import Packs
from sild.cases.process import PARTY, Asking, Effects, Given, Job, JobFunction, Part, Rule, Work
from sild.cases.refusals import Refused
from sild.cases.views import GatheredEvidence, Options, Task
from sild.catalogue import Defect, Screen
from sild.errors import CallerError, PlatformError
from sild.i18n import country_name
from sild.oots import DataService, Directory, EvidenceTypeEntry, origin_of
from sild.pki import Certificate

__all__ = ["ASK_SCREEN", "FETCH_SCREEN", "EvidenceAbroad", "EvidenceSource", "gathered"]

ASK_SCREEN, FETCH_SCREEN = "evidence.ask", "evidence.fetch"
GROUND = "evidence"
PATIENCE = timedelta(seconds=30)
"""How long another country's register is asked again before the person is told that it does not answer."""
BEGINNING = ("ASK_EVIDENCE", "UPLOAD_EVIDENCE", "GO_WITHOUT")
AFTER: Mapping[str, str] = {
    "SHOW_EVIDENCE": "preview",
    "FETCH_EVIDENCE": "fetching",
    "TAKE_EVIDENCE": "received",
    "MISS_EVIDENCE": "missed",
}
FOR_OFFICE = ("received", "uploaded", "without")


@dataclass(frozen=True, slots=True)
class EvidenceSource:
    """An entry of the directory, and whose seal is believed. named: the provider's authority, or its own certificate."""

    service: DataService
    named: Sequence[Certificate]


def gathered(case: Case) -> tuple[GatheredEvidence, ...]:
    """The newest of each person and requirement, in the order they began. Pure."""
    found: dict[int, GatheredEvidence] = {}
    for taken in case.actions:
        said = taken.data
        if taken.name in BEGINNING:
            for name in said["requirements"]:
                earlier = [seq for seq, one in found.items() if (one.person, one.requirement) == (taken.acting_for, name)]  # fmt: skip
                for seq in earlier:
                    found.pop(seq)
                found[taken.seq] = _begun(taken, name)
        elif taken.name in AFTER and (one := found.get(said["evidence"])) is not None:
            found[one.seq] = _after(one, taken)
    return tuple(found.values())


def _begun(taken: Taken, requirement: str) -> GatheredEvidence:
    said = taken.data
    state = {"ASK_EVIDENCE": "asked", "UPLOAD_EVIDENCE": "uploaded", "GO_WITHOUT": "without"}[taken.name]
    return GatheredEvidence(
        seq=taken.seq,
        person=taken.acting_for,
        requirement=requirement,
        state=state,
        at=taken.at,
        country=said.get("country"),
        provider=said.get("provider") or {},
        way=said.get("way"),
        file=said["file"]["id"] if taken.name == "UPLOAD_EVIDENCE" else None,
    )


def _after(one: GatheredEvidence, taken: Taken) -> GatheredEvidence:
    said = taken.data
    one = replace(one, state=AFTER[taken.name], at=taken.at, reason=None)
    if taken.name == "SHOW_EVIDENCE":
        return replace(one, location=said["location"])
    if taken.name == "MISS_EVIDENCE":
        back = "preview" if said["reason"] == "not_answered" else "missed"
        return replace(one, state=back, reason=said["reason"])
    if taken.name == "TAKE_EVIDENCE":
        return replace(
            one, file=said["file"]["id"], lines=said["lines"], provenance=said["provenance"], location=None
        )
    return one


class EvidenceAbroad(Part):
    """sources: the deployment's entries of the directory; none: nobody is offered anything."""

    service = "evidence"
    rules = (
        Rule("ASK_EVIDENCE", by=(PARTY,), screen=ASK_SCREEN, acr="substantial", in_person=True),
        Rule("UPLOAD_EVIDENCE", by=(PARTY,), screen=ASK_SCREEN, in_person=True),
        Rule("GO_WITHOUT", by=(PARTY,), screen=ASK_SCREEN, in_person=True),
        Rule("FETCH_EVIDENCE", by=(PARTY,), screen=FETCH_SCREEN, acr="substantial", in_person=True),
        *(
            Rule(name, by=("state",), reopens=True)
            for name in ("SHOW_EVIDENCE", "TAKE_EVIDENCE", "MISS_EVIDENCE")
        ),
    )
    names: ClassVar[frozenset[str]] = frozenset(rule.name for rule in rules)

    def __init__(
        self, packs: Packs, sources: Sequence[EvidenceSource], *, system: str, name: Mapping[str, str]
    ) -> None:
        """system: ours, `/EE/GOV/70000001/portal`.  name: of who asks, by language."""
        self.directory = Directory(packs.requirements, [one.service for one in sources])
        self._sources = {(one.service.system, one.service.classification): one for one in sources}
        self._services = packs.services
        self._country = packs.profile.country
        self._messages = Messages(self._country, system, name, self.directory)
        self._files: CaseFiles | None = None

    def keep_in(self, files: CaseFiles) -> None:
        """Where what comes is kept: made over the store that knows this part."""
        self._files = files

    # --- who may do what

    def needed(self, case: Case, roles: Sequence[str]) -> list[str]:
        """Names of the requirements that somebody of these roles can have asked for abroad."""
        service = self._services.get(case.service)
        return [
            need.requirement
            for need in (service.needs if service is not None else ())
            if set(need.of) & set(roles) and self.directory.providers_of(need.requirement)
        ]

    def open_for(self, case: Case, person: str) -> list[str]:
        """Of those, what the person has not brought yet."""
        brought = {one.requirement for one in gathered(case) if one.person == person and one.state in ("received", "uploaded")}  # fmt: skip
        return [name for name in self.needed(case, case.roles_of(person)) if name not in brought]

    def tasks(self, case: Case, person: str, screens: Mapping[str, Screen]) -> tuple[Task, ...]:
        """What the person may do besides: nobody waits for it."""
        names = [ASK_SCREEN] if self.open_for(case, person) else []
        if any(one.person == person and one.state == "preview" for one in gathered(case)):
            names.append(FETCH_SCREEN)
        return tuple(Task(case.id, name, screens[name].title) for name in names if name in screens)

    def shown_to(self, case: Case, person: str | None) -> tuple[GatheredEvidence, ...]:
        """One's own; None: the office's, of what was brought or not. With the words of the requirement."""
        return tuple(
            replace(one, title=self.directory.requirement(one.requirement).title)
            if person is not None
            else replace(
                one,
                title=self.directory.requirement(one.requirement).title,
                way=None,
                location=None,
            )
            for one in gathered(case)
            if one.requirement in self.directory.requirements
            and (one.person == person or (person is None and one.state in FOR_OFFICE))
        )

    def choices(self, case: Case, actor: Actor) -> Options:
        """`proof_of_birth|VN/GOV/70000002/population`: what, and of whom."""
        language = actor.language
        listed = []
        for name in self.open_for(case, actor.acting_for):
            for kind, service in self.directory.providers_of(name):
                words = kind.title.get(language) or kind.title["en"]
                listed.append(
                    (f"{name}|{service.system}", f"{country_name(kind.country, language)}: {words}")
                )
        return {"sources": listed}

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        if actor.representee is not None:
            raise Refused("people ask for their own evidence", code="only_in_person")
        wanted = self.open_for(case, actor.person)
        if rule.name == "FETCH_EVIDENCE":
            looked = [one for one in gathered(case) if one.person == actor.person and one.state == "preview"]
            if not looked:
                raise Refused("nothing waits to be fetched", code="too_late")
            return Given({"evidence": looked[-1].seq})
        if not wanted:
            raise Refused("nothing is asked here any more", code="too_late")
        if rule.name == "GO_WITHOUT":
            return Given({"requirements": wanted})
        source = values.get("source")
        if rule.name == "UPLOAD_EVIDENCE":
            names = [str(source).partition("|")[0]] if source else wanted
            defects = [] if values.get("file") else [Defect("file", "required")]
            defects += [Defect("source", "required")] if len(names) > 1 else []
            return Given({"requirements": names, "file": values.get("file")}, tuple(defects))
        if not source:
            return Given({}, (Defect("source", "required"),))
        name, _, system = str(source).partition("|")
        kind, service = self._provider(name, system)
        return Given(
            {
                "requirements": [name],
                "system": service.system,
                "kind": kind.classification,
                "country": kind.country,
                "provider": dict(service.provider.name),
                "way": secrets.token_urlsafe(32),
                "acr": actor.acr,
                "language": actor.language,
            }
        )

    def _provider(self, name: str, system: str) -> tuple[EvidenceTypeEntry, DataService]:
        known = self.directory.providers_of(name)
        found = next(((kind, service) for kind, service in known if service.system == system), None)
        if found is None:
            raise Refused("there is no such provider", code="too_late")
        return found

    # --- what follows

    def follow(self, case: Case, taken: Taken, *, is_closed: bool) -> Effects:
        """Beside what the case's own process says. Pure."""
        if taken.name == "ASK_EVIDENCE":
            return Effects(jobs=(Job("evidence_ask", {"evidence": taken.seq}, key=str(taken.seq)),))
        if taken.name == "FETCH_EVIDENCE":
            told = {"evidence": taken.data["evidence"], "fetch": taken.seq}
            return Effects(jobs=(Job("evidence_fetch", told, key=str(taken.seq)),))
        return Effects()

    def jobs(self) -> Mapping[str, JobFunction]:
        return {"evidence_ask": self.ask, "evidence_fetch": self.fetch}

    async def ask(self, work: Work) -> None:
        """The first request: the answer is where the person looks, or why there is nothing."""
        asked = await self._asked(work)
        if asked is None:
            return
        source = self._source(asked)
        await self._exchange(work, asked, source, None, work.at)

    async def fetch(self, work: Work) -> None:
        """The second one, after they were there: what they approved."""
        asked = await self._asked(work)
        if asked is None:
            return
        assert work.case is not None
        one = next(one for one in gathered(work.case) if one.seq == asked.seq)
        await self._exchange(work, asked, self._source(asked), one.location, work.at)

    async def _asked(self, work: Work) -> Asked | None:
        """With who the person is, as our own register says; None: it does not know them, and the case says so."""
        assert work.case is not None
        seq = int(work.arguments["evidence"])
        taken = next(one for one in work.case.actions if one.seq == seq)
        code = register_code(with_country(taken.person, self._country))
        try:
            answer = await work.call(
                "person", "population", "GET", f"/persons/{code}",
                basis=work.profile.ground(GROUND), acting=taken.person,
            )  # fmt: skip
        except CallerError as refusal:
            await self._missed(work, seq, refusal, "not_known_here")
            return None
        said = answer.json
        return Asked(
            seq=seq,
            case=work.case.id,
            service=work.case.service,
            requirement=taken.data["requirements"][0],
            system=taken.data["system"],
            kind=taken.data["kind"],
            procedure=self._procedure(work.case, taken.data["requirements"][0]),
            person=taken.person,
            code=with_country(taken.person, self._country),
            given_names=str(said.get("given_names") or ""),
            family_name=str(said.get("family_name") or ""),
            born=str(said["born"]),
            acr=taken.data["acr"],
            language=taken.data["language"],
            fetch=work.arguments.get("fetch"),
        )

    def _procedure(self, case: Case, requirement: str) -> str:
        needs = self._services[case.service].needs
        return next(need.procedure for need in needs if need.requirement == requirement)

    def _source(self, asked: Asked) -> AtSource:
        """As the directory has it now: what it has no longer is asked no more."""
        found = self._sources.get((asked.system, asked.kind))
        if found is None:
            return AtSource(None, ())
        return AtSource(found.service, found.named)

    async def _exchange(
        self, work: Work, asked: Asked, source: AtSource, location: str | None, at: datetime
    ) -> None:
        if source.service is None:
            await self._miss(work, asked.seq, "provider_gone")
            return
        sent = self._messages.request(asked, source.service, location, at)

        async def read(answer: Any) -> dict[str, Any]:  # ExchangeAnswer
            said, document = await self._messages.read(answer, sent, source, at)
            if document is not None:
                said["file"] = await self._keep(asked, said, document, at)
            return said

        try:
            answer = await work.call(
                "evidence", f"/{asked.system}", "POST", "/evidence-requests", sent.xml,
                basis=work.profile.ground(GROUND), acting=asked.person, content_type=sent.media_type,
                within=PATIENCE, read=read,
            )  # fmt: skip
        except PlatformError as failure:
            refused = isinstance(failure, CallerError)
            await self._missed(work, asked.seq, failure, "refused" if refused else "provider_down")
            return
        said = dict(answer.json)
        told = {"evidence": asked.seq, "message": answer.message_id}
        match said.pop("outcome"):
            case "preview" if location is None and origin_of(said["location"]) == source.service.preview:
                await act(work, "shown", "SHOW_EVIDENCE", {**told, "location": said["location"]})
            case "preview":
                await self._miss(work, asked.seq, "not_answered" if location is not None else "wrong_address")
            case "evidence":
                said["provenance"]["message"] = answer.message_id
                await act(work, "taken", "TAKE_EVIDENCE", {**told, **said})
            case _:
                await self._miss(work, asked.seq, said["reason"])

    async def _keep(self, asked: Asked, said: dict[str, Any], document: bytes, at: datetime) -> Any:
        """Before the action that names it; the same again is the same file."""
        assert self._files is not None
        seq = asked.fetch or asked.seq
        digest = said["provenance"]["sha256"] = hashlib.sha256(document).hexdigest()
        kept = await asyncio.to_thread(
            self._files.receive, asked.case, FETCH_SCREEN, asked.person, document, f"{asked.requirement}-{digest[:8]}.pdf", seq, at
        )  # fmt: skip
        return kept.as_json()

    async def _missed(self, work: Work, seq: int, failure: PlatformError, reason: str) -> None:
        if failure.code == "job_cancelled":
            raise failure
        await self._miss(work, seq, reason)

    async def _miss(self, work: Work, seq: int, reason: str) -> None:
        await act(work, "missed", "MISS_EVIDENCE", {"evidence": seq, "reason": reason})
