"""What people see: their cases, a case, a screen filled in, the inbox, the desk of an office."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, and_, func, select, update

from sild.cases.actor import ASSIST, AUTOMATIC, Actor, ensure_may_write
from sild.cases.assigning import ASSIGN_SCREEN, unchecked
from sild.cases.calls import PeopleAsking
from sild.cases.case import Case, Taken
from sild.cases.clocks import next_promise
from sild.cases.consulting import ASK_SCREEN, DROP_SCREEN, questions_of
from sild.cases.ledger import Sighting
from sild.cases.overtaken import with_overtaken
from sild.cases.parts import Parts, roles_in
from sild.cases.process import PARTY, Waiting
from sild.cases.refusals import Refused
from sild.cases.tables import drafts, notices
from sild.cases.views import (
    CaseFile,
    CaseLine,
    CaseView,
    DeskItem,
    DraftLine,
    Entry,
    FactLine,
    FailedBody,
    Filled,
    Home,
    Notice,
    Seen,
    SignedFile,
    Task,
)
from sild.cases.waiting import STAFF, is_possible, waits_for
from sild.catalogue import Explanation, Facts, Screen

__all__ = ["Showing"]

HIDDEN = ("OPEN", "SILENCE", "LIFT", "BEREAVE", "REVIVE")
"""Actions that stand in no party's timeline: what the case began with, and why it is silent."""


class Showing:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def home(self, actor: Actor) -> Home:
        return await asyncio.to_thread(self._home, actor)

    def _home(self, actor: Actor) -> Home:
        parts = self._parts
        person = actor.acting_for
        with parts.store.reading() as connection:
            mine = parts.store.of_person(connection, person)
            lines = connection.execute(
                select(drafts).where(drafts.c.person == person).order_by(drafts.c.at)
            ).all()
            unread = connection.scalar(
                select(func.count()).select_from(notices).where(self._shown(person, True))
            )
        tasks = [task for case in mine for task in self.tasks(case, person, case.roles_of(person))]
        ended = {
            case.id for case in mine if self._is_closed(case)
        }  # nobody is reminded of what cannot be sent
        drafted = [
            DraftLine(row.case, row.screen, parts.screens[row.screen].title, row.at)
            for row in lines
            if row.screen in parts.screens and row.case not in ended
        ]
        return Home(
            tuple(sorted(tasks, key=lambda task: task.due or date.max)),
            tuple(self.line(case) for case in mine),
            tuple(drafted),
            int(unread or 0),
        )

    def line(self, case: Case) -> CaseLine:
        clocks = self._parts.clocks(case)
        linked = self._parts.together(case, clocks)
        is_one = linked is not None and linked.promise is not None and linked.kept_on is None
        promise = linked if is_one else next_promise(clocks)
        service = self._parts.services[case.service]
        return CaseLine(
            case.id,
            case.number,
            case.service,
            service.title,
            case.status,
            case.opened_at,
            promise.promise if promise is not None else None,
            self._is_closed(case),
        )

    def _is_closed(self, case: Case) -> bool:
        return case.status in self._parts.processes[case.service].closed

    def tasks(
        self, case: Case, person: str, roles: Sequence[str], *, optional: bool = False
    ) -> tuple[Task, ...]:
        """Screens that wait for this person in these roles; or those nobody waits for."""
        process = self._parts.processes[case.service]
        tasks = []
        for waiting in waits_for(process, case, person, roles, optional=optional):
            screen = self._parts.screens.get(waiting.screen)
            title = screen.title if screen is not None else {}
            tasks.append(Task(case.id, waiting.screen, title, self._due(case, waiting)))
        return tuple(tasks)

    def _due(self, case: Case, waiting: Waiting) -> date | None:
        if waiting.deadline is None:
            return None
        begun = case.actions[-1].at if case.actions else case.opened_at
        before = replace(case, actions=(), status="OPENED")
        for taken in case.actions:  # the newest day on which it came to wait for this
            earlier = before.status
            before = self._parts.store.fold(before, taken)
            if before.status in waiting.when and earlier not in waiting.when:
                begun = taken.at
        return self._parts.profile.deadline(waiting.deadline, self._parts.store.today(begun))

    # --- one case

    async def view(self, case_id: str, actor: Actor) -> CaseView:
        return await asyncio.to_thread(self._view, case_id, actor)

    def _view(self, case_id: str, actor: Actor) -> CaseView:
        parts = self._parts
        with (
            parts.store.reading() as connection
        ):  # before the case: a body that is seen here has its HOLD there
            failed = parts.jobs.failed_bodies(connection, case_id[:50])
        case, roles = parts.case_for(case_id, actor)
        process = parts.processes[case.service]
        mine = [
            (rule.screen, is_possible(process, case, rule, actor.acting_for))
            for rule in process.rules
            if rule.screen is not None and set(rule.by) & set(roles)
        ]
        possible = {screen for screen, why_not in mine if why_not is None}
        over = {screen for screen, why_not in mine if why_not in ("already_done", "case_closed")}
        idle = {screen: "not_now" for screen, _ in mine}
        idle |= dict.fromkeys(over, "case_closed" if self._is_closed(case) else "already_done")
        seen = {role for mine in roles for role in process.visible.get(mine, ())}
        everyone = bool(set(roles) & set(STAFF))
        clocks = parts.clocks(case)
        shown = parts.seen.seqs(case.id)
        return CaseView(
            id=case.id,
            number=case.number,
            service=case.service,
            title=parts.services[case.service].title,
            status=case.status,
            role=roles[0],
            seq=case.seq,
            timeline=tuple(
                self._entry(case, taken, actor, None if everyone else roles[0], shown)
                for taken in case.actions
                if everyone
                or (
                    taken.name not in HIDDEN
                    and (taken.acting_for == actor.acting_for or process.tells(case, taken, actor.reader))
                )
            ),
            clocks=clocks,
            together=parts.together(case, clocks),
            tasks=self.tasks(case, actor.acting_for, roles),
            parties=tuple(
                party
                for party in case.parties
                if everyone or party.person == actor.acting_for or party.role in seen
            ),
            results=process.results(case, roles[0], actor.reader),
            failed_bodies=(
                *(FailedBody(row.body or "", row.reason or "", row.next_try) for row in failed),
                *process.untold(case, roles[0]),
            ),
            assigned=assigned_to(case),
            is_closed=self._is_closed(case),
            may=(
                *self.tasks(case, actor.acting_for, roles, optional=True),
                *self._asks(case, roles),
                *(
                    ()
                    if everyone or self._is_closed(case) or actor.representee
                    else self._abroad(case, actor)
                ),
            ),
            questions=questions_of(case) if everyone else (),
            idle_screens={screen: why for screen, why in idle.items() if screen not in possible},
            signed=self._signed(case, actor, roles),
            evidence=parts.abroad.shown_to(case, None if everyone else actor.acting_for),
        )

    def _abroad(self, case: Case, actor: Actor) -> tuple[Task, ...]:
        """What the person can have brought from another country."""
        return self._parts.abroad.tasks(case, actor.person, self._parts.screens)

    def _signed(self, case: Case, actor: Actor, roles: Sequence[str]) -> tuple[SignedFile, ...]:
        """One's own, the office's, and those of parties one may see."""
        process = self._parts.processes[case.service]
        seen = {role for mine in roles for role in process.visible.get(mine, ())}
        everyone = bool(set(roles) & set(STAFF))
        return tuple(
            one
            for one in self._parts.signatures.of_case(case)
            if everyone or one.person == actor.person or seen & set(case.roles_of(one.person))
        )

    def signed(self, case_id: str, signature: str, actor: Actor) -> tuple[str, bytes]:
        """A container with its file name, to whom the case shows it. Raises Refused (`not_yours`, `not_found`)."""
        case, roles = self._parts.case_for(case_id, actor)
        if signature not in {one.id for one in self._signed(case, actor, roles)}:
            raise Refused("there is no such signature", code="not_found")
        return self._parts.signatures.container(case.id, signature)

    def _asks(self, case: Case, roles: Sequence[str]) -> tuple[Task, ...]:
        """What an office may do in every live case: ask another body, take a question back; a superior assigns who could not be checked."""
        parts = self._parts
        if not set(roles) & set(STAFF) or self._is_closed(case):
            return ()
        waits = any(one.state in ("asked", "late") for one in questions_of(case))
        names = [ASSIGN_SCREEN] if "supervisor" in roles and unchecked(case) else []
        names += [ASK_SCREEN] if parts.consulting.bodies(case) else []
        names += [DROP_SCREEN] if waits else []
        return tuple(Task(case.id, name, parts.screen(name).title) for name in names)

    def _entry(
        self, case: Case, taken: Taken, actor: Actor, role: str | None, shown: frozenset[int]
    ) -> Entry:
        """Another party's words are theirs: only the office (role None) sees what everybody gave."""
        mine = taken.acting_for == actor.acting_for
        helped = taken.mandate is not None and taken.mandate.startswith(ASSIST)
        by = "you" if mine else AUTOMATIC if taken.person == AUTOMATIC else taken.role
        data: Mapping[str, Any] = {}
        if mine:
            data = taken.data
        elif taken.name in self._parts.abroad.names:
            data = {}  # the way there and back is theirs alone
        elif role is None:
            data = self._parts.processes[case.service].seen_by_office(case, taken, actor)
        elif taken.person == AUTOMATIC and self._parts.rule_everywhere(taken.name) is None:
            data = self._parts.processes[case.service].shown(case, taken, role, actor.reader)
        seen = taken.seq if taken.seq in shown and (role is None or mine) else None
        return Entry(taken.at, taken.name, by, data, seen, helped)

    # --- a screen

    async def fill(self, case_id: str, screen_id: str, actor: Actor) -> Filled:
        """Raises Refused: `not_yours`, `unknown_screen`."""
        parts = self._parts
        case, roles = await asyncio.to_thread(parts.case_for, case_id, actor)
        screen = parts.screen(screen_id)
        process = parts.of_screen(case, screen_id)
        screen = process.fitted(case, screen)
        role = screen.role if screen.role in roles else next((r for r in roles if r in STAFF), None)
        if process is parts.abroad:
            role = next((r for r in roles if r not in STAFF), None)
        is_asking = process in parts.everywhere
        if role is None or not (is_asking or screen_id in parts.services[case.service].screens):
            raise Refused("this screen is not for you", code="not_yours")
        asking = parts.asking(case.id, actor, role, office=parts.office(case, actor))
        lines: list[FactLine] = []
        for component in screen.components:
            if isinstance(component, Facts):
                lines += await self._facts(case, component, actor, asking)
        options: Mapping[str, Sequence[tuple[str, str]]] = {}
        if any(field.options_from for field in screen.fields()):
            options = await parts.options(case, screen, actor, asking)
        draft, changes = await asyncio.to_thread(parts.seen.draft, case_id, screen, actor.acting_for)
        values = draft if draft is not None else await process.suggested(case, screen, actor)
        filled = Filled(
            case.id,
            screen,
            tuple(lines),
            options,
            values,
            clocks=parts.clocks(case),
            failed_bodies=tuple(FailedBody(body, why, None) for body, why in asking.failures.items()),
            explained={
                component.of: explained
                for component in screen.components
                if isinstance(component, Explanation)
                and (explained := process.explained(case, component.of, actor)) is not None
            },
            changes=changes,
            files=await asyncio.to_thread(self._files, case.id, screen, actor, values),
            to_sign=frozenset(
                one.name for one in screen.actions if parts.needs_signature(screen.id, one.name)
            ),
        )
        await asyncio.to_thread(parts.seen.note, filled, actor.acting_for, parts.clock())
        return filled

    def _files(
        self, case: str, screen: Screen, actor: Actor, values: Mapping[str, Sequence[str]]
    ) -> Mapping[str, CaseFile]:
        given = self._parts.files.given(case, screen, actor.acting_for, values)
        return {file_id: one for files in given.values() for file_id, one in files.items()}

    def seen(self, case_id: str, seq: int, actor: Actor) -> Seen:
        """Of an action of the viewer's own, or of any, for the office. Raises Refused (`not_yours`, `not_found`)."""
        case, roles = self._parts.case_for(case_id, actor)
        taken = next((taken for taken in case.actions if taken.seq == seq), None)
        if taken is None or not (set(roles) & set(STAFF) or taken.acting_for == actor.acting_for):
            raise Refused("this was not shown to you", code="not_found")
        found = self._parts.seen.of(case_id, seq)
        names = [field.name for field in found.screen.fields() if field.kind == "file"]
        ids = [value for name in names for value in found.given.get(name, ())]
        return replace(found, files=self._parts.files.of_ids(case_id, ids)) if ids else found

    def file(self, case_id: str, file_id: str, actor: Actor) -> CaseFile:
        """To the person whose it is, and once it is sent to the office. Raises Refused (`not_yours`, `not_found`)."""
        case, roles = self._parts.case_for(case_id, actor)
        is_office = bool(set(roles) & set(STAFF))
        return self._parts.files.find(case.id, file_id[:50], actor.acting_for, is_office=is_office)

    def ensure_takes_files(self, case_id: str, screen_id: str, field: str, actor: Actor) -> Screen:
        """The screen waits for the actor, and asks for a file there. Raises Refused (`not_yours`, `too_late` and the like)."""
        case, roles = self._parts.case_for(case_id, actor)
        screen = self._parts.screen(screen_id)
        process = self._parts.of_screen(case, screen_id)
        may = {*roles, PARTY} if not set(roles) & set(STAFF) else set(roles)
        rules = [rule for rule in process.rules if rule.screen == screen_id and set(rule.by) & may]
        fields = {one.name for one in screen.fields() if one.kind == "file"}
        if not rules or field not in fields:
            raise Refused("this screen is not for you", code="not_yours")
        codes = [is_possible(process, case, rule, actor.acting_for) for rule in rules]
        if None not in codes:
            raise Refused("the screen takes nothing any more", code=codes[0] or "too_late")
        return screen

    async def _facts(
        self, case: Case, wanted: Facts, actor: Actor, asking: PeopleAsking
    ) -> Sequence[FactLine]:
        process = self._parts.processes[case.service]
        given = await process.facts(case, wanted.of, wanted.concepts, actor, asking)
        if given is not None:
            return given
        lines: list[FactLine] = []
        for person in case.persons(wanted.of):
            for concept in wanted.concepts:
                lines += await self._fact(case, person, wanted.of, concept, asking)
        return lines

    async def _fact(
        self, case: Case, person: str, of: str, concept: str, asking: PeopleAsking
    ) -> Sequence[FactLine]:
        """One look for each ground and register: what is asked for on another ground is another message."""
        service = self._parts.services[case.service]
        evidence = next((item for item in service.evidence if item.concept == concept), None)
        if evidence is None or evidence.held_by is None or evidence.ground is None:
            return [FactLine(concept, of, None, "not_held")]
        answer = await asking.get(evidence.held_by, f"/persons/{person}/facts", basis=evidence.ground)
        if answer is None:
            reason = "register_down" if asking.failed(evidence.held_by) else "not_known"
            return [FactLine(concept, of, None, reason, register=evidence.held_by)]
        items = answer.json.get("items", ()) if isinstance(answer.json, dict) else ()
        held = [item for item in items if isinstance(item, dict) and item.get("concept") == concept]
        if not held:
            return [FactLine(concept, of, None, "not_held", register=evidence.held_by)]
        return [_line_of(item, concept, of, evidence.held_by) for item in held]

    async def save_draft(
        self, case_id: str, screen_id: str, actor: Actor, values: Mapping[str, Sequence[str]]
    ) -> None:
        """Raises Refused (`not_yours`, `case_closed`, `read_only_device`, `level_too_low`)."""
        parts = self._parts
        case, roles = await asyncio.to_thread(parts.case_for, case_id, actor)
        ensure_may_write(actor)
        screen = parts.screen(screen_id)
        rules = [rule for rule in parts.of_screen(case, screen_id).rules if rule.screen == screen_id]
        if not any(set(rule.by) & set(roles) for rule in rules):
            raise Refused("this screen is not for you", code="not_yours")
        if self._is_closed(case) and not any(rule.reopens for rule in rules):
            raise Refused("the case is closed", code="case_closed")
        names = {field.name for field in screen.fields()}
        kept = {name: [*map(str, given)][:100] for name, given in values.items() if name in names}
        await asyncio.to_thread(
            parts.store.write,
            lambda connection: parts.store.save_draft(
                connection,
                case_id,
                screen_id,
                actor.acting_for,
                kept,
                parts.clock(),
                parts.seen.keep(connection, screen),
            ),
        )

    # --- inbox

    def _shown(self, person: str, unread: bool = False) -> Any:  # an SQL condition
        shown = and_(
            notices.c.person == person,
            notices.c.cancelled_for.is_(None),
            notices.c.not_before <= self._parts.clock(),
        )
        return and_(shown, notices.c.read_at.is_(None)) if unread else shown

    async def inbox(self, actor: Actor) -> tuple[Notice, ...]:
        def read() -> tuple[Notice, ...]:
            query = select(notices).where(self._shown(actor.acting_for)).order_by(notices.c.not_before.desc())
            with self._parts.store.reading() as connection:
                return with_overtaken(
                    [
                        Notice(row.id, row.not_before, row.case, row.text, row.details, row.read_at)
                        for row in connection.execute(query.limit(500))
                    ]
                )

        return await asyncio.to_thread(read)

    async def take_wake_ups(self, limit: int = 100) -> tuple[str, ...]:
        """People whose inbox has something new since they were last asked about here; each notice counts once."""

        def take(connection: Connection) -> tuple[str, ...]:
            news = and_(
                notices.c.pushed_at.is_(None),
                notices.c.read_at.is_(None),
                notices.c.cancelled_for.is_(None),
                notices.c.not_before <= self._parts.clock(),
            )
            rows = connection.execute(
                select(notices.c.id, notices.c.person).where(news).order_by(notices.c.not_before).limit(limit)
            ).all()
            told = []
            for row in rows:
                change = update(notices).where(notices.c.id == row.id, news)
                if connection.execute(change.values(pushed_at=self._parts.clock())).rowcount:
                    told.append(row.person)
            return tuple(dict.fromkeys(told))

        return await asyncio.to_thread(self._parts.store.write, take)

    async def read_notice(self, notice_id: str, actor: Actor, language: str | None = None) -> None:
        """language: in which they read it. Raises Refused (`not_yours`)."""
        mine = and_(notices.c.id == notice_id, self._shown(actor.acting_for))
        change = (
            update(notices).where(mine).values(read_at=func.coalesce(notices.c.read_at, self._parts.clock()))
        )
        done = await asyncio.to_thread(
            self._parts.store.write, lambda connection: connection.execute(change).rowcount
        )
        if not done:
            raise Refused("there is no such notice among yours", code="not_yours")
        await asyncio.to_thread(self._parts.deliveries.opened, notice_id, language)

    # --- the desk

    async def desk(self, actor: Actor) -> tuple[DeskItem, ...]:
        """Live cases of the official's office: late ones first, then by promise, or by the day they came where none runs; last those that
        wait for others. Raises Refused (`not_yours`).
        """
        if not actor.roles & set(STAFF) or actor.authority is None:
            raise Refused("this is an office's desk", code="not_yours")
        return await asyncio.to_thread(self._desk, actor)

    def _desk(self, actor: Actor) -> tuple[DeskItem, ...]:
        parts = self._parts
        with parts.store.reading() as connection:
            found = parts.store.of_office(connection, actor.authority or "")
            failed = parts.jobs.failed_bodies(connection, *(case.id for case in found))
        holding: dict[str, list[str]] = {}
        for row in failed:
            if row.body:
                holding.setdefault(row.case, []).append(row.body)
        items = []
        for case in found:
            promise = next_promise(parts.clocks(case))
            tasks = tuple(task.screen for task in self.tasks(case, actor.person, roles_in(case, actor)))
            items.append(
                DeskItem(
                    case=case.id,
                    number=case.number,
                    service=case.service,
                    title=parts.services[case.service].title,
                    status=case.status,
                    promise=promise.promise if promise else None,
                    late=promise.late if promise else False,
                    waiting_for=self._waiting_for(
                        case,
                        [
                            *holding.get(case.id, ()),
                            *(one.register for one in questions_of(case) if one.state in ("sent", "asked")),
                        ],
                        tasks,
                    ),
                    assigned=assigned_to(case),
                    tasks=tasks,
                )
            )
        came = {case.id: parts.store.today(case.opened_at) for case in found}
        return tuple(sorted(items, key=lambda item: _urgency(item, came[item.case])))

    def _waiting_for(self, case: Case, bodies: Sequence[str], tasks: Sequence[str]) -> str | None:
        """The body that does not answer, else the role whose turn it is, when it is not the office's."""
        if bodies:
            return bodies[0]
        if tasks:
            return None
        process = self._parts.processes[case.service]
        waits = (
            waiting.role
            for waiting in process.waiting
            if case.status in waiting.when and not waiting.optional
        )
        return next((role for role in waits if role not in STAFF), None)

    async def look_up(self, actor: Actor, person: str, cited: str) -> Sequence[FactLine]:
        """What the registers tell of a person on the grounds of the live case that is cited: what its service fetches, and officials'
        screens of it show. Raises Refused (`no_live_case`).
        """
        case = await asyncio.to_thread(self._cited, actor, person, cited)
        role, of = roles_in(case, actor)[0], case.roles_of(person)[0]
        allowed = self._looked_at(case.service)
        asking = self._parts.asking(case.id, actor, role, office=self._parts.office(case, actor))
        lines: list[FactLine] = []
        asked: set[str] = set()
        for evidence in self._parts.services[case.service].evidence:
            register, ground = evidence.held_by, evidence.ground
            if register is None or ground is None or not evidence.concept.startswith("person."):
                continue
            if register in asked:
                continue
            asked.add(register)
            answer = await asking.get(register, f"/persons/{person}/facts", basis=ground)
            if answer is None:
                reason = "register_down" if asking.failed(register) else "not_known"
                lines.append(FactLine(evidence.concept, of, None, reason, register=register))
                continue
            items = answer.json.get("items", ()) if isinstance(answer.json, dict) else ()
            lines += [
                replace(_line_of(item, item["concept"], of, register), value=_in_words(item))
                for item in items
                if item.get("concept") in allowed
            ]
        return lines

    def _looked_at(self, service_id: str) -> set[str]:
        """Concepts that an official of the service sees of people."""
        service = self._parts.service(service_id)
        found = {evidence.concept for evidence in service.evidence}
        for name in service.screens:
            screen = self._parts.screens.get(name)
            if screen is not None and screen.role in STAFF:
                found |= {
                    concept for one in screen.components if isinstance(one, Facts) for concept in one.concepts
                }
        return found

    def _cited(self, actor: Actor, person: str, cited: str) -> Case:
        """By its number or id. Raises Refused (`no_live_case`); oversight is told."""
        parts = self._parts
        with parts.store.reading() as connection:
            case_id = parts.store.numbered(connection, cited) or cited
        case = parts.read(case_id) if len(case_id) <= 50 else None
        good = case is not None and set(roles_in(case, actor)) & set(STAFF) and not self._is_closed(case)
        if case is None or not good or not case.roles_of(person):
            known = case.id if case is not None else None
            parts.ledger.saw(Sighting(parts.clock(), actor.person, "no_live_case", known, person))
            raise Refused("a look at a person cites a live case of theirs", code="no_live_case")
        return case


def _urgency(item: DeskItem, came: date) -> tuple[object, ...]:
    """Sorts. Of what is the office's turn and has no promise the oldest stands before any day that is to come."""
    is_others = item.promise is None and item.waiting_for is not None
    return not item.late, is_others, item.promise or came, item.number


def assigned_to(case: Case) -> str | None:
    """Who took it and has not given it back."""
    newest = next((taken for taken in reversed(case.actions) if taken.name in ("TAKE", "RELEASE")), None)
    return newest.person if newest is not None and newest.name == "TAKE" else None


def _in_words(item: Mapping[str, Any]) -> Any:  # JSON
    """A fact as its register words it; of one that stands once for each key (a parent) what it is, and who."""
    value, words = item.get("value"), item.get("text") or item.get("value")
    if not item.get("key"):
        return words
    which = item.get("text") or item["key"]
    return [value, which] if isinstance(value, str) else which


def _line_of(item: Mapping[str, Any], concept: str, of: str, register: str) -> FactLine:
    return FactLine(
        concept=concept,
        of=of,
        value=item.get("value"),
        register=register,
        source=item.get("source"),
        valid_from=item.get("valid_from"),
        known_from=item.get("known_from"),
        basis=item.get("basis"),
        ref=item.get("fact"),
    )
