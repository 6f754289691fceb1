"""The case system as the portal wants it: the same cases, with texts of the packs and the tracker's entries by a name of their own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import IO, Any, Literal
from uuid import uuid4

from sild.adapter import is_case_of_look
from sild.cases import (
    Actor,
    AssistedView,
    BirthPaper,
    CaseFile,
    CaseSystem,
    ExchangeAnswer,
    HandedIn,
    Identified,
    LiveProof,
    MatterOfAlgorithms,
    NumberBlock,
    OwnFigures,
    Packs,
    Pending,
    PublicFinding,
    ReservedBlock,
    SentMessage,
    Sighting,
    TrackerUsage,
    XRoadExchange,
)
from sild.cases import TrackerEntry as CaseEntry
from sild.cases.views import Acted, CaseView, DeskItem, FactLine, Filled, Home, Notice, Seen
from sild.catalogue import PublicService
from sild.errors import CallerError
from sild.i18n import format_day
from sild.portal.portal import Portal
from sild.portal.ports import ChannelProof, Proof, TrackerEntry, Usage, Witnessed

__all__ = ["PortalCases", "PortalExchange", "PortalVoucher"]


class PortalCases:
    """`sild.portal.Cases` over a case system in the same process."""

    def __init__(self, cases: CaseSystem, packs: Packs) -> None:
        self._cases = cases
        self._texts = packs.texts
        self._places = {one.code: one.name for one in packs.profile.divisions}

    def services(self) -> Sequence[PublicService]:
        return self._cases.services()

    def words(self, service: str, key: str, language: str, **values: object) -> str | None:
        texts = self._texts.get(language, {})
        text = texts.get(f"{service}.{key}", texts.get(key))
        if text is None:
            return None
        return text.format_map(_Known({name: _said(value, language) for name, value in values.items()}))

    def place(self, code: str) -> str | None:
        return self._places.get(code)

    async def home(self, actor: Actor) -> Home:
        return await self._cases.home(actor)

    async def open_case(self, service: str, actor: Actor, *, key: str) -> str:
        return await self._cases.open_case(service, actor, key=key)

    async def view(self, case: str, actor: Actor) -> CaseView:
        return await self._cases.view(case, actor)

    async def fill(self, case: str, screen: str, actor: Actor) -> Filled:
        return await self._cases.fill(case, screen, actor)

    async def save_draft(
        self, case: str, screen: str, actor: Actor, values: Mapping[str, Sequence[str]]
    ) -> None:
        await self._cases.save_draft(case, screen, actor, values)

    async def act(
        self, case: str, action: str, actor: Actor, given: Mapping[str, Sequence[str]], *, key: str
    ) -> Acted:
        return await self._cases.act(case, action, actor, given, key=key)

    async def ask_signature(
        self, case: str, action: str, actor: Actor, given: Mapping[str, Sequence[str]], *, key: str
    ) -> str:
        return await self._cases.ask_signature(case, action, actor, given, key=key)

    async def asked_signature(self, state: str, actor: Actor) -> Pending:
        return await self._cases.asked_signature(state, actor)

    async def finish_signature(self, state: str, code: str, actor: Actor) -> Acted:
        return await self._cases.finish_signature(state, code, actor)

    async def signed(self, case: str, signature: str, actor: Actor) -> tuple[str, bytes]:
        return await self._cases.signed(case, signature, actor)

    async def add_file(
        self, case: str, screen: str, field: str, actor: Actor, content: IO[bytes], name: str
    ) -> CaseFile:
        return await self._cases.add_file(case, screen, field, actor, content, name)

    async def remove_file(self, case: str, screen: str, field: str, actor: Actor) -> None:
        await self._cases.remove_file(case, screen, field, actor)

    async def file(self, case: str, file: str, actor: Actor) -> CaseFile:
        return await self._cases.file(case, file, actor)

    async def read_file(self, case: str, file: str, actor: Actor) -> AsyncIterator[bytes]:
        return await self._cases.read_file(case, file, actor)

    async def record_mandate(
        self,
        clerk: Actor,
        person: str,
        service: str,
        statement: str,
        *,
        identified: Identified,
        office: Mapping[str, str],
        key: str,
    ) -> str:
        return await self._cases.record_mandate(
            clerk, person, service, statement, identified=identified, office=office, key=key
        )

    async def assisted(self, mandate: str, clerk: Actor) -> AssistedView:
        return await self._cases.assisted(mandate, clerk)

    async def assisting(self, clerk: Actor) -> Sequence[AssistedView]:
        return await self._cases.assisting(clerk)

    async def begin_assisted(self, mandate: str, clerk: Actor, case: str | None, *, key: str) -> str:
        return await self._cases.begin_assisted(mandate, clerk, case, key=key)

    async def end_mandate(self, mandate: str, actor: Actor) -> None:
        await self._cases.end_mandate(mandate, actor)

    async def seen(self, case: str, seq: int, actor: Actor) -> Seen:
        return await self._cases.seen(case, seq, actor)

    async def inbox(self, actor: Actor) -> Sequence[Notice]:
        return await self._cases.inbox(actor)

    async def read_notice(self, notice: str, actor: Actor, language: str | None = None) -> None:
        await self._cases.read_notice(notice, actor, language)

    async def pushed(self, person: str, since: datetime) -> None:
        await self._cases.pushed(person, since)

    async def desk(self, actor: Actor) -> Sequence[DeskItem]:
        return await self._cases.desk(actor)

    async def take(self, case: str, actor: Actor) -> None:
        """Whoever has it takes it no second time."""
        view = await self._cases.view(case, actor)
        if view.assigned != self._cases.known(actor).person:
            await self._cases.take(case, actor, key=f"take/{case}/{view.seq}")

    async def release(self, case: str, actor: Actor) -> None:
        """Back to the office, by who has it."""
        view = await self._cases.view(case, actor)
        if view.assigned == self._cases.known(actor).person:
            await self._cases.act(case, "RELEASE", actor, {}, key=f"release/{case}/{view.seq}")

    async def look_up(self, actor: Actor, person: str, *, case: str) -> Sequence[FactLine]:
        return await self._cases.look_up(actor, person, case=case)

    async def reserve_numbers(self, service: str, count: int, actor: Actor, *, key: str) -> NumberBlock:
        return await self._cases.reserve_numbers(service, count, actor, key=key)

    async def number_blocks(self, actor: Actor) -> Sequence[ReservedBlock]:
        return await self._cases.number_blocks(actor)

    async def hand_in(self, paper: BirthPaper, actor: Actor) -> HandedIn:
        return await self._cases.hand_in(paper, actor)

    async def paper(self, number: str, actor: Actor) -> HandedIn:
        return await self._cases.paper(number, actor)

    async def finding(
        self, actor: Actor, register: str, record: Mapping[str, Any], *, basis: str, matter: str, key: str
    ) -> str:
        return await self._cases.finding(actor, register, record, basis=basis, matter=matter, key=key)

    async def tell_of_algorithms(self, found: Sequence[MatterOfAlgorithms]) -> None:
        await self._cases.tell_of_algorithms(found)

    async def differences_are(self, keys: Sequence[str]) -> None:
        await self._cases.differences_are(keys)

    async def findings(self) -> Sequence[PublicFinding]:
        return await self._cases.findings()

    async def refused_looks(self, actor: Actor) -> Sequence[Sighting]:
        return await self._cases.refused_looks(actor)

    async def sightings(self, actor: Actor) -> Sequence[Sighting]:
        return await self._cases.sightings(actor)

    async def own_access(self, actor: Actor) -> Sequence[TrackerEntry]:
        """Looks at people and their matters; sums of one's own work are nobody's data."""
        sent = await self._cases.own_messages(actor)
        return [_sent(message) for message in sent if not message.path.startswith("/officials/")]

    async def own_figures(self, actor: Actor) -> OwnFigures:
        return await self._cases.own_figures(actor)

    async def usage(self, actor: Actor) -> Usage:
        """Sums are the registers' own: when they list less than they count, they do not fit."""
        asked = tuple(_sent(one) for one in await self._cases.asked_abroad(actor))
        return replace(self._usage(await self._cases.usage(actor)), abroad=asked)

    def _usage(self, found: TrackerUsage) -> Usage:
        entries = tuple(_entry(one) for body in found.bodies for one in body.entries)
        return Usage(
            entries=tuple(sorted(entries, key=lambda entry: entry.at, reverse=True)),
            failed_registers=tuple(found.failed),
            total=dict(found.totals),
            withheld={register: count for register, count in found.withheld.items() if count},
            since=dict(found.since),
            addresses=dict(self._cases.register_addresses),
        )

    async def witnessed_usage(self, actor: Actor) -> Witnessed:
        found, nonce, witnesses = await self._cases.witnessed_usage(actor)
        return Witnessed(self._usage(found), nonce, witnesses)

    async def ask_unlisted(self, actor: Actor, register: str, messages: Sequence[str]) -> str:
        return await self._cases.ask_unlisted(actor, register, messages)

    async def usage_container(
        self, actor: Actor, register: str, message_id: str, part: Literal["request", "response"]
    ) -> bytes:
        return await self._cases.usage_container(actor, register, message_id, part)

    async def ask_why(self, actor: Actor, entry: str) -> str:
        """Raises CallerError (`not_found`): no such use of their data."""
        found = await self._cases.usage(actor)
        for one in (one for body in found.bodies for one in body.entries):
            if _id(one) == entry:
                return await self._cases.ask_why(actor, one, key=entry)
        raise CallerError("no such use", code="not_found")

    async def ask_official(self, actor: Actor, turns: Sequence[tuple[str, str]], *, key: str) -> str:
        return await self._cases.ask_official(actor, turns, key=key)

    async def contest(self, actor: Actor, register: str, record: Mapping[str, Any]) -> str:
        return await self._cases.contest(actor, register, record)

    async def proofs(self) -> Mapping[str, Proof]:
        return {proof.service: _proof(proof) for proof in await self._cases.proofs()}

    async def catalogue(self, base: str) -> str:
        return await self._cases.catalogue(base)


class PortalExchange:
    """`sild.portal.Exchange`: a question that nothing repeats has an id of its own."""

    def __init__(self, exchange: XRoadExchange, instance: str) -> None:
        self._exchange = exchange
        self._instance = instance

    def system(self, service: str) -> str:
        return f"{self._instance}/{service}"

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        case: str | None,
        basis: str,
        acting: str,
        represented: str | None = None,
        message_id: str | None = None,
        proof: str | None = None,
        office: str | None = None,
    ) -> ExchangeAnswer:
        return await self._exchange.call(
            service,
            method,
            path,
            body=body,
            case=case,
            basis=basis,
            acting=acting,
            represented=represented,
            message_id=message_id or f"{self._instance}-{uuid4()}",
            proof=proof,
            office=office,
        )


class PortalVoucher:
    """`sild.cases.Voucher` by the portal's log-ins. The portal is made over the case system, so it is told of it after."""

    def __init__(self) -> None:
        self.portal: Portal | None = None

    async def vouch(
        self, actor: Actor, case: str, registers: Sequence[str], *, acts: bool, operations: Sequence[str] = ()
    ) -> str | None:
        if self.portal is None:
            return None
        return await self.portal.voucher.vouch(actor, case, registers, acts=acts, operations=operations)


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _said(value: object, language: str) -> object:
    """A day as people of the language write it."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        return format_day(date.fromisoformat(value), language)
    return value


class _Known(dict[str, object]):
    """A place nobody gave a value for stays as it is."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


def _id(one: CaseEntry) -> str:
    parts = (one.register, one.at.isoformat(), one.body, one.system, one.operation, one.message_id or "")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def _entry(one: CaseEntry) -> TrackerEntry:
    return TrackerEntry(
        id=_id(one),
        at=one.at,
        body=one.body,
        system=one.system,
        operation=one.operation,
        case=one.case,
        basis=one.basis,
        acting=one.acting or "not_told",
        kind=",".join(one.kind),
        message_id=one.message_id or "",
        register=one.register,
        own=one.own,
        office=one.office,
    )


LOOKS = frozenset(
    {"facts", "relations", "residence", "children", "cover", "persons", "matters", "decisions", "contests", "consultations", "owners",
     "residents", "dwellings", "addresses", "divisions", "queue", "statistics", "offers", "births", "moves", "removals", "disputes",
     "reviews", "ripples", "findings"}
)  # fmt: skip
"""Words of registers' paths; the portal has words for people for each (`concept.look`)."""


def _looked_at(path: str) -> str:
    """The last that says what it is: `/persons/X/relations` is `relations`."""
    parts = reversed(path.partition("?")[0].split("/"))
    return next((one for one in parts if one in LOOKS), "other")


def _sent(message: SentMessage) -> TrackerEntry:
    body, system = message.register.split("/")[-2:]
    return TrackerEntry(
        id=message.message_id,
        at=message.sent_at,
        body=body,
        system=system,
        operation=message.operation,
        case=None if is_case_of_look(message.case) else message.case,
        basis=message.basis,
        acting=message.role,
        kind=f"look.{_looked_at(message.path)}",
        message_id=message.message_id,
        register=message.register,
    )


def _proof(proof: LiveProof) -> Proof:
    return Proof(
        proof.last_case,
        proof.closed,
        proof.median_days,
        proof.owner_heard,
        proof.is_recent,
        proof.is_owned,
        tuple(ChannelProof(one.channel, one.closed, one.returned, one.median_days) for one in proof.channels),
        proof.online_least,
        proof.is_whole,
    )
