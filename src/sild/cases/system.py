"""The case system of one body: its database, its workflows, its door to the exchange, and everything people do with cases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from sild.cases.abroad import EvidenceAbroad, EvidenceSource
from sild.cases.acting import Acting
from sild.cases.actor import Actor, Voucher, reaches
from sild.cases.algorithm_matter import AlgorithmMatters, MatterOfAlgorithms
from sild.cases.ask_why import office_of
from sild.cases.assigning import Assigning
from sild.cases.assisted import AssistedMandates, Identified
from sild.cases.beginning import Beginning
from sild.cases.birth_papers import BirthPaper, BirthPapers, HandedIn, ReservedBlock
from sild.cases.by_calendar import Calendar
from sild.cases.calls import Calls
from sild.cases.codes import as_known, plain, with_country
from sild.cases.consulting import Consulting
from sild.cases.deliveries import Deliveries
from sild.cases.exchange import Exchange
from sild.cases.files import CaseFiles
from sild.cases.finding import PublicFinding, public_findings
from sild.cases.heard import Events
from sild.cases.helping import Helping
from sild.cases.ledger import Ledger, SentMessage, Sighting
from sild.cases.living import LiveProof, live_proofs
from sild.cases.official_figures import OwnFigures, own_figures
from sild.cases.offline import Merged, NumberBlock, Offline, OfflineRecord
from sild.cases.packs import Packs, ensure_whole
from sild.cases.parts import MandateCheck, Parts
from sild.cases.process import Process
from sild.cases.publication import Publication
from sild.cases.refusals import Refused
from sild.cases.seen import SeenScreens
from sild.cases.showing import Showing
from sild.cases.signatures import Pending, Signatures
from sild.cases.signing import Signing
from sild.cases.store import Store
from sild.cases.tracker import Tracker, TrackerEntry, TrackerUsage
from sild.cases.views import (
    Acted,
    AssistedView,
    CaseFile,
    CaseView,
    DeskItem,
    FactLine,
    Filled,
    Home,
    Notice,
    Seen,
)
from sild.cases.witnesses import LogWitness, Witnesses, new_nonce
from sild.cases.working import Jobs
from sild.catalogue import PublicService, Screen
from sild.clock import Clock, system_clock
from sild.database import ensure_answers, open_database, sqlite_url
from sild.decisions import DECISION_MIGRATIONS, DecisionStore
from sild.errors import CallerError
from sild.events import EVENT_MIGRATIONS, Event, Inbox
from sild.identity_client import Pen
from sild.pki import Certificate
from sild.workflow import Workflows

__all__ = ["CASE_DATABASE", "MIGRATIONS", "CaseSystem"]

MIGRATIONS = Path(__file__).parent / "migrations"
CASE_DATABASE = "cases.sqlite"
PUBLISH_PAUSE = 2.0  # seconds
UNLISTED = "A message about the person is not in the list"
MOST_UNLISTED = 5
"""Named in one case."""


class CaseSystem:
    """Every public method is for one event loop, the one it was opened on. Actors come with the country in their codes."""

    def __init__(
        self,
        parts: Parts,
        *,
        system: str,
        workflows_url: str,
        first_pause: timedelta,
        inbox: Inbox,
        signing: Callable[[Parts, Acting], Signing],
        own_data_basis: str,
        log_keepers: Sequence[str] = (),
    ) -> None:
        self._parts = parts
        self._acting = Acting(parts)
        self._showing = Showing(parts)
        self._signing = signing(parts, self._acting)
        self._publication = Publication(parts)
        self._tracker = Tracker(parts, system, own_data_basis)
        self._witnesses = Witnesses(parts, system, own_data_basis, log_keepers)
        self._oversight = office_of(system.strip("/").split("/")[2])
        self._offline = Offline(parts)
        self._papers = BirthPapers(parts, self._acting, self._offline)
        self._helping = Helping(parts, self._acting, self._showing)
        self._events = Events(parts, inbox)
        self._beginning = Beginning(parts, self._acting)
        self._workflows_url = workflows_url
        self._first_pause = first_pause
        self._workflows: Workflows | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str,
        exchange: Exchange,
        packs: Packs,
        processes: Iterable[Process],
        registers: Mapping[str, str],
        mandates: MandateCheck | None = None,
        voucher: Voucher | None = None,
        decisions: Callable[[Engine], DecisionStore] | None = None,
        clock: Clock = system_clock,
        first_pause: timedelta = timedelta(seconds=1),
        waiting_bytes: int = 100_000_000,
        pen: Pen | None = None,
        signers: Sequence[Certificate] = (),
        own_data_basis: str = "GDPR 15",
        log_keepers: Sequence[str] = (),
        evidence: Sequence[EvidenceSource] = (),
        name: Mapping[str, str] | None = None,
    ) -> CaseSystem:
        """database_url: of cases and workflows; without one two SQLite files in `directory`.

        system: `/SILD/GOV/70000001/portal`.  registers: `GOV/70000002/population` by name.  processes: one for each service that
        is to be offered.  voucher: proves to registers which official acts; without one they do nothing that officials alone may.  decisions: makes the store of decision records on the cases' own database.  first_pause: before a silent register is asked again; it doubles.
        waiting_bytes: of one person's files that were not sent.  pen: with which people sign; without one, what needs a signature
        cannot be done.  signers: authorities of people's certificates and of time-stamps that are believed.  own_data_basis: on which
        people see who used their data.  log_keepers: who says what message logs say about them, `GOV/70000002/messagelog`.
        evidence: who gives evidence in other countries; nobody: none is asked for.  name: under which it is, by language.
        Raises Unavailable (`database_error`), CallerError for a process whose service or screens the packs do not have.
        """
        by_service = {process.service: process for process in processes}
        ensure_whole(by_service, packs)
        url = database_url or sqlite_url(directory / CASE_DATABASE)
        engine = open_database(url, EVENT_MIGRATIONS, DECISION_MIGRATIONS, MIGRATIONS)
        records = decisions(engine) if decisions is not None else None
        consulting, assigning = Consulting(packs, registers), Assigning()
        abroad = EvidenceAbroad(packs, evidence, system=system, name=name or {"en": system.strip("/")})
        parts_of_all = (consulting, assigning, abroad)
        everywhere = {rule.name for part in parts_of_all for rule in part.rules}
        for process in by_service.values():
            if everywhere & {rule.name for rule in process.rules}:
                raise CallerError(f"{process.service} names an action of every case", code="invalid_process")
        store = Store(engine, by_service, ZoneInfo(packs.profile.zone), records, parts_of_all)
        ledger, files = Ledger(store), CaseFiles(store, waiting_bytes)
        abroad.keep_in(files)
        calls = Calls(exchange, ledger, registers, packs.profile, system, clock)
        parts = Parts(
            store=store,
            calls=calls,
            ledger=ledger,
            jobs=Jobs(store, calls),
            deliveries=Deliveries(store, calls),
            assisted=AssistedMandates(store),
            seen=SeenScreens(store),
            files=files,
            signatures=Signatures(store),
            services={name: packs.services[name] for name in by_service},
            screens=packs.screens,
            concepts=packs.concepts,
            processes=by_service,
            consulting=consulting,
            assigning=assigning,
            abroad=abroad,
            profile=packs.profile,
            clock=clock,
            mandates=mandates,
            voucher=voucher,
        )
        return cls(
            parts,
            system=system,
            workflows_url=database_url or sqlite_url(directory / "workflows.sqlite"),
            first_pause=first_pause,
            inbox=Inbox(clock=clock),
            signing=lambda parts, acting: Signing(parts, acting, pen, signers, packs.texts),
            own_data_basis=own_data_basis,
            log_keepers=log_keepers,
        )

    async def start(self) -> None:
        """Go on with what was not finished, and publish as soon as the registers answer. Raises Unavailable."""
        parts = self._parts
        self._workflows = await Workflows.open(
            self._workflows_url,
            {"job": parts.jobs.function},
            name="cases",
            clock=parts.clock,
            first_pause=self._first_pause,
        )
        parts.jobs.serve(self._workflows)
        self._tasks = [
            asyncio.create_task(work)
            for work in (
                parts.jobs.run(),
                parts.deliveries.run(),
                self._publication.keep_trying(PUBLISH_PAUSE),
                Calendar(parts).run(),
                self._signing.resume(),
            )
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._workflows is not None:
            await self._workflows.close()
        self.close()

    def close(self) -> None:
        """Of one that was not started: `stop` does it, too."""
        self._parts.store.engine.dispose()

    async def ensure_alive(self) -> None:
        """That its database answers. Raises Unavailable (`database_error`)."""
        await asyncio.to_thread(ensure_answers, self._parts.store.engine)

    # --- the catalogue

    def services(self) -> tuple[PublicService, ...]:
        return tuple(self._parts.services.values())

    def service(self, service_id: str) -> PublicService:
        """Raises Refused (`unknown_service`)."""
        return self._parts.service(service_id)

    def screen(self, screen_id: str) -> Screen:
        """Raises Refused (`unknown_screen`)."""
        return self._parts.screen(screen_id)

    async def publish(self) -> None:
        """Raises CallerError (`once_only_breach`, `concept_not_held`), Unavailable or PeerError naming the register."""
        await self._publication.publish()

    async def proofs(self) -> tuple[LiveProof, ...]:
        return await asyncio.to_thread(live_proofs, self._parts)

    async def catalogue(self, base: str) -> str:
        """CPSV-AP in Turtle, of what is published. base: URI of the catalogue, with `/` at its end."""
        return await asyncio.to_thread(self._publication.catalogue, base)

    # --- people

    def known(self, actor: Actor) -> Actor:
        """With codes as cases keep them: without our own country."""
        return as_known(actor, self._parts.profile.country)

    def _themselves(self, actor: Actor) -> Actor:
        """A clerk has the one case, and nothing else of the person's. Raises Refused (`not_yours`)."""
        if actor.is_assisting:
            raise Refused("a mandate is for one case", code="not_yours")
        return self.known(actor)

    async def home(self, actor: Actor) -> Home:
        return await self._showing.home(self._themselves(actor))

    async def open_case(self, service_id: str, actor: Actor, *, key: str) -> str:
        """The case's id; the same key again gives the same case. Raises Refused."""
        return await self._acting.open_case(service_id, self.known(actor), key=key)

    async def view(self, case_id: str, actor: Actor) -> CaseView:
        """Raises Refused (`not_yours`)."""
        return await self._showing.view(case_id, self.known(actor))

    async def fill(self, case_id: str, screen_id: str, actor: Actor) -> Filled:
        """Raises Refused (`not_yours`, `unknown_screen`)."""
        return await self._showing.fill(case_id, screen_id, self.known(actor))

    async def save_draft(
        self, case_id: str, screen_id: str, actor: Actor, values: Mapping[str, Sequence[str]]
    ) -> None:
        """Raises Refused (`not_yours`, `case_closed`)."""
        await self._showing.save_draft(case_id, screen_id, self.known(actor), values)

    async def act(
        self, case_id: str, action: str, actor: Actor, given: Mapping[str, Sequence[str]], *, key: str
    ) -> Acted:
        """key: of the form, made when it was shown; the same form again gives the same answer. Raises Refused."""
        return await self._acting.act(case_id, action, self.known(actor), given, key=key)

    async def ask_signature(
        self, case_id: str, action: str, actor: Actor, given: Mapping[str, Sequence[str]], *, key: str
    ) -> str:
        """Of an action that was refused for `signature_needed`: the address where the person signs. Raises Refused, Unavailable."""
        return await self._signing.ask(case_id, action, self.known(actor), given, key=key)

    async def asked_signature(self, state: str, actor: Actor) -> Pending:
        """What was sent to be signed, by the `state` they come back with. Raises Refused (`not_found`)."""
        return await self._signing.asked(state, self.known(actor))

    async def finish_signature(self, state: str, code: str, actor: Actor) -> Acted:
        """They are back, and said yes: the action is done, once. Raises Refused, Unavailable."""
        return await self._signing.finish(state, code, self.known(actor))

    async def signed(self, case_id: str, signature: str, actor: Actor) -> tuple[str, bytes]:
        """File name and container (ASiC-E) of what was signed in the case. Raises Refused (`not_yours`, `not_found`)."""
        return await asyncio.to_thread(self._showing.signed, case_id, signature, self.known(actor))

    async def seen(self, case_id: str, seq: int, actor: Actor) -> Seen:
        """What was shown with an action, to who did it and to the office. Raises Refused (`not_yours`, `not_found`)."""
        return await asyncio.to_thread(self._showing.seen, case_id, seq, self.known(actor))

    async def inbox(self, actor: Actor) -> tuple[Notice, ...]:
        """Newest first."""
        return await self._showing.inbox(self._themselves(actor))

    async def read_notice(self, notice_id: str, actor: Actor, language: str | None = None) -> None:
        """language: in which they read it. Raises Refused (`not_yours`)."""
        await self._showing.read_notice(notice_id, self._themselves(actor), language)

    async def pushed(self, person: str, since: datetime) -> None:
        """A device of theirs was woken for notices newer than `since`. person: with the country, as log-ins have them."""
        code = plain(person, self._parts.profile.country)
        await asyncio.to_thread(self._parts.deliveries.pushed, code, since)

    async def take_wake_ups(self) -> tuple[str, ...]:
        """Whom to tell that their inbox has something new, each notice once: codes with the country, as log-ins have them."""
        people = await self._showing.take_wake_ups()
        return tuple(with_country(person, self._parts.profile.country) for person in people)

    # --- offices

    async def desk(self, actor: Actor) -> tuple[DeskItem, ...]:
        """Raises Refused (`not_yours`)."""
        return await self._showing.desk(self.known(actor))

    async def take(self, case_id: str, actor: Actor, *, key: str) -> Acted:
        """Raises Refused."""
        return await self.act(case_id, "TAKE", actor, {}, key=key)

    async def look_up(self, actor: Actor, person: str, *, case: str) -> Sequence[FactLine]:
        """What is held of the person, on the grounds of the live case of theirs that the official cites, by its number or id.

        Raises Refused (`no_live_case`); oversight is told then.
        """
        code = plain(person, self._parts.profile.country)
        return await self._showing.look_up(self.known(actor), code, case)

    async def try_again(self, case_id: str, actor: Actor) -> None:
        """Ask silent registers now, do failed jobs again. Raises Refused (`not_yours`, `read_only_device`)."""
        known = self.known(actor)
        await asyncio.to_thread(self._parts.case_for, case_id, known)
        if not known.is_staff or known.posture != "managed":
            raise Refused("an office does this, from its own device", code="read_only_device")
        await self._parts.jobs.try_again(case_id)

    # --- a clerk helps

    async def record_mandate(
        self,
        clerk: Actor,
        person: str,
        service_id: str,
        statement: str,
        *,
        identified: Identified = Identified(),
        office: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> str:
        """Assisted mode: the id of a one-off mandate, with which the clerk acts (`Actor.mandate_id`). The person is told.

        statement: what the person said or signed.  office: the clerk's, by language.  key: of the form. Raises Refused.
        """
        return await self._helping.record(
            self.known(clerk), person, service_id, statement, identified, office or {}, key or str(uuid4())
        )

    async def assisted(self, mandate_id: str, clerk: Actor) -> AssistedView:
        """The clerk's own mandate, standing or not. Raises Refused (`not_yours`)."""
        return await self._helping.view(mandate_id, self.known(clerk))

    async def assisting(self, clerk: Actor) -> tuple[AssistedView, ...]:
        """The clerk's mandates that stand, newest first."""
        return await self._helping.standing(self.known(clerk))

    async def begin_assisted(self, mandate_id: str, clerk: Actor, case_id: str | None, *, key: str) -> str:
        """Bind the mandate to a live case of the person, or to a new one; its id. Raises Refused."""
        return await self._helping.begin(mandate_id, self.known(clerk), case_id, key=key)

    async def end_mandate(self, mandate_id: str, actor: Actor) -> None:
        """The person takes a one-off mandate back, or its clerk is done."""
        known = self.known(actor)
        await asyncio.to_thread(self._parts.assisted.end, mandate_id, known, self._parts.clock())
        self._parts.jobs.wake()

    # --- files

    async def add_file(
        self, case_id: str, screen_id: str, field: str, actor: Actor, content: IO[bytes], name: str
    ) -> CaseFile:
        """A file for a field of a screen, as its person's draft. content: a real file. Raises Refused."""
        known, parts = self.known(actor), self._parts
        await self._acting.ensure_may_write(case_id, known)
        await asyncio.to_thread(self._showing.ensure_takes_files, case_id, screen_id, field, known)
        return await asyncio.to_thread(
            parts.files.add, case_id, screen_id, field, known, content, name, parts.clock()
        )

    async def remove_file(self, case_id: str, screen_id: str, field: str, actor: Actor) -> None:
        """What was added and not sent. Raises Refused (`not_yours`)."""
        known = self.known(actor)
        await asyncio.to_thread(self._parts.case_for, case_id, known)
        await asyncio.to_thread(self._parts.files.remove, case_id, screen_id, field, known.acting_for)

    async def file(self, case_id: str, file_id: str, actor: Actor) -> CaseFile:
        """Raises Refused (`not_yours`, `not_found`)."""
        return await asyncio.to_thread(self._showing.file, case_id, file_id, self.known(actor))

    async def read_file(self, case_id: str, file_id: str, actor: Actor) -> AsyncIterator[bytes]:
        """The content, part by part. Raises Refused (`not_yours`, `not_found`) before the first."""
        found = await self.file(case_id, file_id, actor)

        async def read() -> AsyncIterator[bytes]:
            position = 0
            while (part := await asyncio.to_thread(self._parts.files.part, found.id, position)) is not None:
                yield part
                position += 1

        return read()

    # --- numbers without a connection

    async def reserve_numbers(
        self, service_id: str, count: int, actor: Actor, *, key: str | None = None
    ) -> NumberBlock:
        """key: of a form; the same again gives the same block. Raises Refused."""
        return await self._offline.reserve(service_id, count, self.known(actor), key=key)

    async def number_blocks(self, actor: Actor) -> tuple[ReservedBlock, ...]:
        """Of the office, for papers of births, newest first. Raises Refused (`not_yours`)."""
        return await self._papers.blocks(self.known(actor))

    async def hand_in(self, paper: BirthPaper, actor: Actor) -> HandedIn:
        """One paper of a birth; the same again gives the same. Raises Refused (`defects`, ...)."""
        return await self._papers.hand_in(paper, self.known(actor))

    async def paper(self, number: str, actor: Actor) -> HandedIn:
        """What came of it. Raises Refused (`not_found`)."""
        return await self._papers.paper(number, self.known(actor))

    async def merge(self, block: str, records: Sequence[OfflineRecord], actor: Actor) -> tuple[Merged, ...]:
        """Raises Refused."""
        return await self._offline.merge(block, records, self.known(actor))

    async def sightings(self, actor: Actor) -> Sequence[Sighting]:
        """What was refused to whom, newest first, for the oversight of the body whose cases these are. Raises Refused (`not_yours`)."""
        is_theirs = actor.is_staff and actor.authority == self._oversight and actor.representee is None
        if not (is_theirs and reaches(actor.acr, "high")):
            raise Refused("this is for oversight", code="not_yours")
        return await asyncio.to_thread(self._parts.ledger.sightings)

    async def refused_looks(self, actor: Actor) -> Sequence[Sighting]:
        """What others were refused of the actor, or whom they act for, in a year: their cases, and looks that named them. Newest first."""
        parts, person = self._parts, self.known(actor).acting_for
        since = parts.clock() - timedelta(days=365)
        return await asyncio.to_thread(parts.ledger.sightings_about, person, since)

    async def messages(self, case_id: str, actor: Actor) -> tuple[SentMessage, ...]:
        """Every message of a case. Raises Refused (`not_yours`)."""
        await asyncio.to_thread(self._parts.case_for, case_id, self.known(actor))
        return await asyncio.to_thread(self._parts.ledger.of_case, case_id)

    async def own_figures(self, actor: Actor) -> OwnFigures:
        """Of an official's own work at this desk in a year, and of the others' together. Raises Refused (`not_yours`)."""
        return await own_figures(self._parts, self.known(actor))

    async def asked_abroad(self, actor: Actor) -> Sequence[SentMessage]:
        """What was asked of registers of other countries in the person's name, the newest first."""
        known = self._themselves(actor)
        if known.representee is not None:
            return ()
        code = with_country(known.person, self._parts.profile.country)
        sent = await asyncio.to_thread(self._parts.ledger.of_actor, code)
        return [one for one in sent if one.register.startswith("/")]

    async def own_messages(self, actor: Actor) -> tuple[SentMessage, ...]:
        """What the actor's own work asked of registers, newest first: an official's access log."""
        return await asyncio.to_thread(self._parts.ledger.of_actor, actor.person)

    # --- the tracker

    async def usage(self, actor: Actor) -> TrackerUsage:
        return await self._tracker.usage(self._themselves(actor))

    @property
    def register_addresses(self) -> Mapping[str, str]:
        """`GOV/70000002/population` of each register that is asked, by its name in the tracker."""
        return self._parts.calls.registers

    async def witnessed_usage(self, actor: Actor) -> tuple[TrackerUsage, str, tuple[LogWitness, ...]]:
        """Who used the person's data, and what the message logs say of it; between them the nonce that each log was to say again."""
        themselves, nonce = self._themselves(actor), new_nonce()
        until = self._parts.clock()
        usage = await self._tracker.usage(themselves)
        named = (one.message_id for body in usage.bodies for one in body.entries)
        listed = sorted({one for one in named if one is not None})
        return usage, nonce, await self._witnesses.ask(themselves, listed, until, nonce)

    async def ask_unlisted(self, actor: Actor, register: str, messages: Sequence[str]) -> str:
        """A case about requests that a message log has and a register, `GOV/70000002/population`, does not list; its id.

        messages: SHA-256 of their ids. Raises Refused.
        """
        body, _, system = register.rpartition("/")
        entry = TrackerEntry(
            at=self._parts.clock(),
            body=body.rpartition("/")[2],
            body_name=None,
            system=system,
            operation=UNLISTED,
            register=register,
            message_id=f"sha256:{','.join(sorted(messages)[:MOST_UNLISTED])}",
        )
        key = f"unlisted {entry.register} {entry.message_id}"
        return await self._beginning.ask_why(self.known(actor), entry, key=key)

    async def usage_container(
        self, actor: Actor, register: str, message_id: str, part: Literal["request", "response"]
    ) -> bytes:
        """As `Tracker.container`."""
        return await self._tracker.container(self._themselves(actor), register, message_id, part)

    async def ask_why(self, actor: Actor, entry: TrackerEntry, *, key: str) -> str:
        """A case with a deadline about one look; its id. Raises Refused."""
        return await self._beginning.ask_why(self._themselves(actor), entry, key=key)

    async def ask_official(self, actor: Actor, turns: Sequence[tuple[str, str]], *, key: str) -> str:
        """A case with the dialogue (asked, answered) for the person to look over and sign; its id. Nothing is sent yet. Raises Refused."""
        return await self._beginning.ask_official(self._themselves(actor), turns, key=key)

    async def contest(self, actor: Actor, register: str, record: Mapping[str, Any]) -> str:
        """A case about one decision, for the person to say what is wrong; its id, again while it is open.

        register: that decided.  record: as it gave it. Raises Refused (`contest_too_late`, `contested_already`).
        """
        return await self._beginning.contest(self._themselves(actor), register, record)

    async def finding(
        self, actor: Actor, register: str, record: Mapping[str, Any], *, basis: str, matter: str, key: str
    ) -> str:
        """A case in which an auditor says what is wrong with a decision; its id. Nothing is sent yet. Raises CallerError (`bad_decision`).

        record: as the register gave it to them.  basis, matter: ground and file of their mandate.
        """
        known = self._themselves(actor)
        return await self._beginning.finding(known, register, record, basis=basis, matter=matter, key=key)

    async def findings(self) -> Sequence[PublicFinding]:
        """What auditors have found, as everybody may know it; the newest first."""
        return await asyncio.to_thread(public_findings, self._parts)

    # --- algorithms

    async def tell_of_algorithms(self, found: Sequence[MatterOfAlgorithms]) -> None:
        """A case for the officials who see to them, of each that none waits for. Raises Unavailable."""
        if await asyncio.to_thread(AlgorithmMatters(self._parts).tell, found):
            self._parts.jobs.wake()

    async def differences_are(self, keys: Sequence[str]) -> None:
        """Of entries that differ from the running system: what waits and is none of these is over. Raises Unavailable."""
        await asyncio.to_thread(AlgorithmMatters(self._parts).over, "difference", keys)

    # --- events

    async def take_event(self, event: Event, message_id: str) -> None:
        """Apply an event once, whatever comes first or twice. Raises CallerError (`event_not_taken`) for a type no process wants."""
        await self._events.take(event, message_id)
