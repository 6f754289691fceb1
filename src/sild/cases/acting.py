"""One action: may this person do it, here, now; is it complete; then one transaction. The checks stand in this order.

(1) the case is theirs  (2) this form was sent before  (3) the action is theirs, and theirs to say themselves if need be
(4) device and level  (5) the mandate stands
(6) the status allows it  (7) every defect of what was given  (8) conflict of interest, second return  (9) signed, where the
catalogue wants a signature  (10) written, unless somebody acted meanwhile: then again from (6).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, delete

from sild.cases.actor import STATE, Actor, ensure_may_write
from sild.cases.assigning import is_assigned, unchecked
from sild.cases.calls import PeopleAsking
from sild.cases.case import Case, Party
from sild.cases.codes import is_company, plain, with_country
from sild.cases.ledger import Sighting
from sild.cases.offline import number_defect, take_number
from sild.cases.parts import Parts
from sild.cases.process import PARTY, Given, Opening, Process, Rule
from sild.cases.refusals import Refused
from sild.cases.signatures import Signed
from sild.cases.store import Changed, derived_id
from sild.cases.tables import drafts
from sild.cases.views import Acted
from sild.cases.waiting import STAFF, is_possible, waits_for_a_clerk
from sild.catalogue import Defect, read_answers
from sild.errors import Unavailable
from sild.openid import new_salt, statement_hash

__all__ = ["Acting", "digest_of_form"]

APPLIES = ("*/applies",)
"""What somebody says who acts for another, and no register does at once: no operation is called so."""

Submitted = Mapping[str, Sequence[str]]
TRIES = 10

TAKE = Rule("TAKE", by=STAFF)
RELEASE = Rule("RELEASE", by=STAFF)
ENGINE_RULES = {rule.name: rule for rule in (TAKE, RELEASE)}
"""What an office may do in every case: take it, and give it back."""


@dataclass(frozen=True, slots=True)
class _Proof:
    """The identity provider's token.  word: kind and salt of what was said, where somebody else's message is to carry it."""

    token: str
    word: tuple[str, str] | None = None


class Acting:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def open_case(self, service_id: str, actor: Actor, *, key: str) -> str:
        """A person opens a case. Raises Refused."""
        parts = self._parts
        service = parts.service(service_id)
        process = parts.processes[service_id]
        if process.opener is None or parts.profile.country not in service.countries:
            raise Refused("nobody opens such a case", code="not_offered")
        if service_id not in parts.published:
            raise Refused("this service is not published", code="not_published")
        if is_company(actor.acting_for) and not service.business_events:
            raise Refused("this is for people, not for companies", code="not_for_companies")
        case_id = derived_id("open", actor.person, actor.acting_for, service_id, key)
        ensure_may_write(actor)
        await self._ensure_mandate(actor, service_id, case_id)
        asking = parts.asking(case_id, actor, process.opener)
        found = await asyncio.to_thread(parts.read, case_id)
        if found is not None:
            return found.id
        opening = await process.opening(actor, asking)
        return await self.begin(service_id, actor, opening, case_id=case_id, role=process.opener)

    async def begin(self, service_id: str, actor: Actor, opening: Opening, *, case_id: str, role: str) -> str:
        """The actor's case, opened once."""
        parts = self._parts
        me = Party(role, actor.acting_for)

        def write(connection: Connection) -> str:
            whole = Opening((me, *opening.parties), opening.office, opening.data)
            opened = parts.store.open(
                connection, service_id, whole, actor, me.role, parts.clock(), case_id=case_id
            )
            self._bind(connection, actor, opened)
            return opened.id

        opened = await asyncio.to_thread(parts.store.write, write)
        parts.jobs.wake()
        return opened

    async def act(
        self,
        case_id: str,
        action: str,
        actor: Actor,
        given: Submitted,
        *,
        key: str,
        signed: Signed | None = None,
    ) -> Acted:
        """signed: where a signature is required, that it was verified. Raises Refused; `signature_needed`: all else is right."""
        parts = self._parts
        case, roles = await asyncio.to_thread(parts.case_for, case_id, actor, acts=True)  # (1)
        fingerprint = digest_of_form(case_id, action, given)
        before = await asyncio.to_thread(self._done_before, actor, key, fingerprint)  # (2)
        if before is not None:
            return _acted(case, before.action, before.seq, again=True)
        process = parts.processes[case.service]
        rule, role = await self._permitted(case, roles, action, actor)  # (3), (4), (5)
        proof: _Proof | None = None
        for _ in range(TRIES):
            _ensure_open(case, process, rule, actor)  # (6)
            data = await self._given(case, process, rule, role, actor, given)  # (7)
            data = await self._ensure_allowed(case, process, rule, role, actor, data)  # (8)
            self._ensure_signed(case, rule, actor, fingerprint, signed)  # (9)
            proof = proof or await self._proof(case, rule, actor, data)
            try:
                after = await asyncio.to_thread(
                    self._write, case, rule, role, actor, data, key, fingerprint, given, proof, signed
                )  # (10)
            except Changed:
                repeated = await asyncio.to_thread(self._done_before, actor, key, fingerprint)
                case, roles = await asyncio.to_thread(parts.case_for, case_id, actor, acts=True)
                if repeated is not None:
                    return _acted(case, action, repeated.seq, again=True)
                continue
            parts.jobs.wake()
            return _acted(after, action, after.seq)
        raise Refused("the case changes too fast; try again", code="too_late")

    async def _proof(self, case: Case, rule: Rule, actor: Actor, data: Mapping[str, Any]) -> _Proof | None:
        """For the registers that are to do it, or are to decide later what was applied for by another. Raises Unavailable."""
        parts, token, word = self._parts, None, None
        if not rule.says and actor.representee is not None:
            token = await parts.vouched_saying(actor, case.id, APPLIES)
        elif not rule.says:
            token = await parts.vouched(actor, case.id, acts=True)
        else:
            process = parts.processes[case.service]
            speaks_for = process.speaks_for(case, rule, data)
            statement = process.statement(case, rule, data)
            if statement is not None:
                word = statement.says, new_salt()
                actor = replace(actor, statement_sha256=statement_hash(statement.content, word[1]))
            token = await parts.vouched_saying(actor, case.id, rule.says, speaks_for=speaks_for)
            if token is None and parts.voucher is not None:
                raise Unavailable("nobody vouches for the log-in", code="identity_provider_down")
        return None if token is None else _Proof(token, word)

    async def ready(self, case_id: str, action: str, actor: Actor, given: Submitted) -> tuple[Case, Rule]:
        """Everything that stands before a signature, and nothing done. Raises Refused."""
        parts = self._parts
        case, roles = await asyncio.to_thread(parts.case_for, case_id, actor, acts=True)
        process = parts.processes[case.service]
        rule, role = await self._permitted(case, roles, action, actor)
        _ensure_open(case, process, rule, actor)
        data = await self._given(case, process, rule, role, actor, given)
        await self._ensure_allowed(case, process, rule, role, actor, data)
        return case, rule

    async def done(self, case_id: str, action: str, seq: int, actor: Actor) -> Acted:
        """What was answered to an action that was done before. Raises Refused (`not_yours`)."""
        case, _roles = await asyncio.to_thread(self._parts.case_for, case_id, actor)
        return _acted(case, action, seq, again=True)

    async def _permitted(
        self, case: Case, roles: Sequence[str], action: str, actor: Actor
    ) -> tuple[Rule, str]:
        """(3) to (5): the action is theirs, device, level and mandate do."""
        parts = self._parts
        process = parts.processes[case.service]
        rule = process.rule(action) or ENGINE_RULES.get(action) or parts.rule_everywhere(action)
        role = next((role for role in roles if rule is not None and _is_by(rule, role)), None)
        if rule is None or role is None:
            raise Refused("this is not for you to do", code="not_yours")
        if rule.in_person and actor.is_assisting:
            raise Refused("nobody says this for another", code="only_in_person")
        ensure_may_write(actor, rule.acr)
        await self._ensure_mandate(actor, case.service, case.id)
        return rule, role

    def _ensure_signed(
        self, case: Case, rule: Rule, actor: Actor, fingerprint: str, signed: Signed | None
    ) -> None:
        """By this person, for these answers to this action of this case."""
        if rule.screen is None or not self._parts.needs_signature(rule.screen, rule.name):
            return
        if signed is None:
            raise Refused("this is signed", code="signature_needed")
        wanted = (case.id, rule.name, actor.person, fingerprint)
        if (signed.case, signed.action, signed.person, signed.digest) != wanted:
            raise Refused("something else was signed", code="signature_refused")

    async def ensure_may_write(self, case_id: str, actor: Actor) -> None:
        """The case is theirs, the device may write, the mandate stands. Raises Refused."""
        case, _ = await asyncio.to_thread(self._parts.case_for, case_id, actor)
        ensure_may_write(actor)
        await self._ensure_mandate(actor, case.service, case_id)

    def _done_before(self, actor: Actor, key: str, fingerprint: str) -> Row[Any] | None:
        with self._parts.store.reading() as connection:
            return self._parts.store.done_before(connection, actor.person, key, fingerprint)

    async def _ensure_mandate(self, actor: Actor, service: str, case_id: str) -> None:
        if actor.representee is None:
            return
        parts = self._parts
        if actor.is_assisting:

            def stands() -> bool:
                with parts.store.reading() as connection:
                    return parts.assisted.stands(connection, actor, service, case_id, parts.clock())

            good = await asyncio.to_thread(stands)
        else:
            country = parts.profile.country
            whole = replace(
                actor,
                person=with_country(actor.person, country),
                representee=with_country(actor.representee, country),
            )
            good = parts.mandates is not None and await parts.mandates.stands(whole)
        if not good:
            raise Refused("the mandate has ended", code="mandate_ended")

    async def _given(
        self, case: Case, process: Process, rule: Rule, role: str, actor: Actor, given: Submitted
    ) -> Mapping[str, Any]:
        parts = self._parts
        asking = parts.asking(case.id, actor, role, office=parts.office(case, actor))
        values: Mapping[str, Any] = {}
        if rule.screen is not None:
            screen = parts.screen(rule.screen)
            if not screen.action(rule.name).without_answers:
                options: Mapping[str, Sequence[tuple[str, str]]] = {}
                if any(field.options_from for field in screen.fields()):
                    options = await parts.options(case, screen, actor, asking)
                allowed = {name: [value for value, _ in pairs] for name, pairs in options.items()}
                files = await asyncio.to_thread(parts.files.given, case.id, screen, actor.acting_for, given)
                answers = read_answers(screen, given, allowed, files)
                _ensure_known(asking.failures, bool(answers.defects))
                if answers.defects:
                    raise Refused("not everything is right yet", code="defects", defects=answers.defects)
                values = {
                    name: files[name][value].as_json() if name in files else value
                    for name, value in answers.values.items()
                }
        if rule.screen is not None:
            process = parts.of_screen(case, rule.screen)
        checked: Given = await process.check(case, rule, values, actor, asking)
        numbered = await asyncio.to_thread(self._number_defects, case, rule, checked)
        defects = (*checked.defects, *numbered)
        if defects:
            raise Refused("not everything is right yet", code="defects", defects=defects)
        return checked.data

    def _number_defects(self, case: Case, rule: Rule, checked: Given) -> tuple[Defect, ...]:
        if rule.numbered is None or any(defect.field == rule.numbered for defect in checked.defects):
            return ()
        store = self._parts.store
        with store.reading() as connection:
            found = number_defect(store, connection, case, str(checked.data[rule.numbered]))
        return () if found is None else (Defect(rule.numbered, found),)

    async def _ensure_allowed(
        self, case: Case, process: Process, rule: Rule, role: str, actor: Actor, data: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What is kept of the action: with what the check of conflicts looked at. Raises Refused."""
        released = [taken for taken in case.all("RELEASE") if taken.person == actor.person]
        if rule.name == "TAKE" and any(taken.data.get("conflict") for taken in released):
            raise Refused("you are close to a party: somebody else decides", code="conflict_of_interest")
        if rule.decides and role in STAFF:
            data = {**data, "conflict": await self._ensure_no_conflict(case, process, role, actor)}
        if rule.is_return and role != "supervisor":
            earlier = {code for taken in case.all(rule.name) for code in taken.data.get("defects", ())}
            if earlier and not set(data.get("defects", ())) <= earlier:
                raise Refused(
                    "a second return on a new ground needs a supervisor",
                    code="second_return_needs_supervisor",
                )
        return data

    async def _ensure_no_conflict(
        self, case: Case, process: Process, role: str, actor: Actor
    ) -> Mapping[str, str]:
        """Nobody decides about themselves or their kin. A hit gives the case back to the office, without them; and so it is of whom
        the population register does not know, until a superior assigns them.

        What was looked at: `kinship` (`checked`, `assigned`: not checked, a superior answers for it); `boards` (`checked`, where a company
        is a party, and there is a business register); `holdings` (likewise; `not_checked`: there is no such register).
        """
        parts = self._parts
        asking = parts.asking(case.id, actor, role, office=parts.office(case, actor))
        answer = await asking.get(
            "population", f"/persons/{actor.person}/relations", basis=parts.profile.ground("conflict")
        )
        _ensure_known(asking.failures, True)
        kin = {actor.person}
        if any(taken.person == actor.person != taken.acting_for for taken in case.actions):
            kin |= {party.person for party in case.parties}  # who helped somebody to ask does not answer
        if answer is not None and isinstance(answer.json, dict):
            kin |= {str(relation.get("code")) for relation in answer.json.get("items", ())}
        is_known = answer is not None and isinstance(answer.json, dict)
        near = process.near(case)
        has_boards = "business" in parts.calls.registers
        looked = {} if has_boards else {"holdings": "not_checked"}
        if has_boards and any(map(is_company, near)):
            looked = {"boards": "checked", "holdings": "checked"}
            kin |= await self._companies_of(actor, asking)
        is_close = bool(kin.intersection(near))
        if not is_close and (is_known or is_assigned(case, actor.person)):
            return {"kinship": "checked" if is_known else "assigned", **looked}
        code = "conflict_of_interest" if is_close else "conflict_not_checked"
        why = {"conflict": True} if is_close else {"unchecked": True}

        def give_back() -> None:
            parts.ledger.saw(Sighting(parts.clock(), actor.person, code, case.id, None))
            if not is_close and actor.person in unchecked(case):
                return
            try:
                parts.store.write(
                    lambda connection: parts.store.act(
                        connection, case, "RELEASE", why, actor, role, parts.clock()
                    )
                )
            except Changed:
                pass  # somebody acted: the next try finds the conflict again

        await asyncio.to_thread(give_back)
        if is_close:
            raise Refused("you are close to a party: somebody else decides", code=code)
        raise Refused("whether you are close to a party cannot be checked: a superior assigns", code=code)

    async def _companies_of(self, actor: Actor, asking: PeopleAsking) -> set[str]:
        """On whose boards the official sits, and of which they hold a share, also through others; as cases write them.

        Raises Refused (`register_down`).
        """
        parts, found = self._parts, set()
        for what in ("companies", "holdings"):
            path = f"/persons/{actor.person}/{what}"
            answer = await asking.get("business", path, basis=parts.profile.ground("conflict"))
            _ensure_known(asking.failures, True)
            told = answer.json if answer is not None and isinstance(answer.json, dict) else {}
            found |= {f"{one['country']}{one['company']}" for one in told.get("items", ())}
        return {plain(one, parts.profile.country) for one in found}

    def _write(
        self,
        case: Case,
        rule: Rule,
        role: str,
        actor: Actor,
        data: Mapping[str, Any],
        key: str,
        fingerprint: str,
        given: Submitted,
        proof: _Proof | None,
        signed: Signed | None,
    ) -> Case:
        parts = self._parts

        def write(connection: Connection) -> Case:
            if rule.numbered is not None:
                take_number(parts.store, connection, case, rule.numbered, data, actor, parts.clock())
            after = parts.store.act(connection, case, rule.name, data, actor, role, parts.clock())
            if proof is not None:
                says = rule.says or (APPLIES if actor.representee is not None else ())
                parts.store.prove(connection, case.id, case.seq + 1, actor, proof.token, says, proof.word)
            if signed is not None:
                parts.signatures.acted(connection, signed, case.seq + 1)
            parts.store.remember(connection, actor.person, key, fingerprint, case.id, rule.name, case.seq + 1)
            self._bind(connection, actor, case)
            if actor.is_assisting and not waits_for_a_clerk(
                parts.processes[case.service], after, actor.acting_for
            ):
                parts.assisted.close(connection, str(actor.mandate_id), "SENT", STATE, parts.clock())
            if rule.screen is not None:
                screen = parts.screen(rule.screen)
                if not screen.action(rule.name).without_answers:
                    parts.files.sent(connection, case.id, screen, actor.acting_for, given, case.seq + 1)
                parts.seen.acted(connection, case.id, case.seq + 1, screen, actor.acting_for, given)
                connection.execute(
                    delete(drafts).where(
                        drafts.c.case == case.id,
                        drafts.c.screen == rule.screen,
                        drafts.c.person == actor.acting_for,
                    )
                )
            return after

        return parts.store.write(write)

    def _bind(self, connection: Connection, actor: Actor, case: Case) -> None:
        if actor.is_assisting:
            self._parts.assisted.bind(connection, actor, case, self._parts.clock())


def _is_by(rule: Rule, role: str) -> bool:
    return role in rule.by or (PARTY in rule.by and role not in STAFF)


def _acted(case: Case, action: str, seq: int, *, again: bool = False) -> Acted:
    return Acted(case.id, case.status, action, seq, again, case.service, case.number)


def _ensure_open(case: Case, process: Process, rule: Rule, actor: Actor) -> None:
    code = is_possible(process, case, rule, actor.acting_for)
    if code is not None:
        raise Refused(f"not when the case is {case.status}", code=code)


def _ensure_known(failures: Mapping[str, str], needed: bool) -> None:
    """A form is not refused for what a silent register would have told: the person is told its name instead."""
    if failures and needed:
        register = next(iter(failures))
        raise Refused(f"{register} does not answer", code="register_down", register=register)


def digest_of_form(case_id: str, action: str, given: Submitted) -> str:
    """By which the same answers are known."""
    said = json.dumps(
        [case_id, action, {name: list(values) for name, values in given.items()}], sort_keys=True
    )
    return hashlib.sha256(said.encode()).hexdigest()
