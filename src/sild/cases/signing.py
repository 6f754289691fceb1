"""Actions that a person signs: the statement is made, they are sent to sign it and come back, and only then the action is done.

    ask ─▶ (the signing service, where the person says yes) ─▶ finish: code ─▶ token ─▶ container ─▶ verified ─▶ act

What each step gave is kept before the next begins, and acting is one transaction, known by the form's key: killed anywhere, the person
comes back to the same address, or the system goes on by itself, and the action is done once with one signature. `verified` is the one
place that decides whether a signature is this person's, over this statement.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from sild.cases.acting import Acting, digest_of_form
from sild.cases.actor import Actor
from sild.cases.codes import with_country
from sild.cases.parts import Parts
from sild.cases.refusals import Refused
from sild.cases.seen import digest_of
from sild.cases.signatures import Pending, Signed
from sild.cases.statement import Words, statement_of
from sild.cases.views import Acted
from sild.errors import PeerError, PlatformError, TrustError
from sild.identity_client import Pen, PenRefused
from sild.pki import Certificate
from sild.signatures import verify_signed_document
from sild.telemetry import get_logger

__all__ = ["Signing"]

log = get_logger("cases")

CLOCKS_APART = timedelta(minutes=5)
LEFT_OFF = timedelta(seconds=30)
"""After which nobody is thought to be at it any more."""
PAUSE = 10.0  # seconds
MOMENT = 0.1  # seconds


class Signing:
    """pen None: nobody signs here, and what must be signed cannot be done (`no_signatures`).

    named: authorities of people's certificates and of time-stamps.  texts: of the packs, by language.
    """

    def __init__(
        self,
        parts: Parts,
        acting: Acting,
        pen: Pen | None,
        named: Sequence[Certificate],
        texts: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._parts = parts
        self._acting = acting
        self._pen = pen
        self._named = tuple(named)
        self._texts = texts

    async def ask(
        self, case_id: str, action: str, actor: Actor, given: Mapping[str, Sequence[str]], *, key: str
    ) -> str:
        """Where the person signs. Whatever would be refused later is refused now. Raises Refused, Unavailable."""
        if actor.is_staff or actor.is_assisting:
            raise Refused("people sign for themselves", code="only_in_person")
        case, rule = await self._acting.ready(case_id, action, actor, given)
        if self._pen is None or rule.screen is None:
            raise Refused("nobody signs here", code="no_signatures")
        parts = self._parts
        screen = parts.screen(rule.screen)
        language = actor.language if actor.language in self._texts else parts.profile.languages[0]
        facts, options = await asyncio.to_thread(parts.seen.shown_now, case.id, screen.id, actor.acting_for)
        person = with_country(actor.person, parts.profile.country)
        statement = statement_of(
            case,
            parts.services[case.service],
            screen,
            action,
            given,
            facts,
            options,
            person=(actor.name, person),
            day=parts.today(),
            form=digest_of(screen)[:16],
            words=Words(language, self._texts[language], case.service),
            represents=None
            if actor.representee is None
            else (with_country(actor.representee, parts.profile.country), actor.mandate_id or ""),
        )
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        try:
            asked = await self._pen.ask(person, statement, state=state, code_verifier=verifier)
        except PenRefused as error:
            raise Refused(error.message, code="signature_refused") from error
        pending = Pending(
            id=str(uuid4()),
            case=case.id,
            action=action,
            actor=replace(actor, session=""),
            given=given,
            key=key,
            statement=statement,
            screen=screen.id,
            kept=asked.kept,
            code_verifier=verifier,
            token=None,
            container=None,
            seq=None,
            at=parts.clock(),
        )
        await asyncio.to_thread(parts.signatures.ask, pending, state=state)
        return asked.address

    async def asked(self, state: str, actor: Actor) -> Pending:
        """What the person was sent to sign. Raises Refused (`not_found`), also while they act for somebody else than then."""
        pending = await asyncio.to_thread(self._parts.signatures.by_state, state, actor.person)
        if pending.seq is None and pending.actor.acting_for != actor.acting_for:
            raise Refused("this was asked of them for somebody else", code="not_found")
        return pending

    async def finish(self, state: str, code: str, actor: Actor) -> Acted:
        """The person is back. The same address again gives the same answer. Raises Refused, Unavailable."""
        pending = await self.asked(state, actor)
        if pending.seq is not None:
            return await self._acting.done(pending.case, pending.action, pending.seq, actor)
        if pending.token is None:
            pending = await self._with_token(pending, code)
        return await self._go_on(replace(pending, actor=actor))

    async def resume(self) -> None:
        """Go on with what something died over, until cancelled."""
        while True:
            try:
                await self.resume_once()
            except PlatformError as error:
                log.refusal("cases.signing_not_resumed", error)
            await asyncio.sleep(PAUSE)

    async def resume_once(self) -> int:
        """How many were acted on."""
        parts = self._parts
        found = await asyncio.to_thread(parts.signatures.left_off, parts.clock() - LEFT_OFF)
        done = 0
        for pending in found:
            try:
                await self._go_on(pending)
                done += 1
            except PlatformError as error:
                if isinstance(error, Refused) and error.code != "register_down":
                    log.refusal("cases.signed_in_vain", error, case=pending.case)
                    await asyncio.to_thread(parts.signatures.refused, pending.id, error.code)
                else:  # tried again, and nobody behind it waits for it
                    log.refusal("cases.signing_waits", error, case=pending.case)
        return done

    async def _with_token(self, pending: Pending, code: str) -> Pending:
        """The code counts once: who comes second, as by reloading the page, takes what the first was given."""
        assert self._pen is not None
        signatures = self._parts.signatures
        try:
            token = await self._pen.redeem(code, pending.code_verifier)
        except PenRefused as error:
            for _ in range(5):
                await asyncio.sleep(MOMENT)
                found = await asyncio.to_thread(signatures.by_id, pending.id)
                if found.token is not None or found.seq is not None:
                    return found
            raise Refused(error.message, code="signature_refused") from error
        await asyncio.to_thread(signatures.keep_token, pending.id, token)
        return await asyncio.to_thread(signatures.by_id, pending.id)

    async def _go_on(self, pending: Pending) -> Acted:
        if pending.seq is not None:
            return await self._acting.done(pending.case, pending.action, pending.seq, pending.actor)
        container = pending.container
        if container is None:
            container = await self._container(pending)
        signed = await asyncio.to_thread(self.verified, pending, container)
        return await self._acting.act(
            pending.case, pending.action, pending.actor, pending.given, key=pending.key, signed=signed
        )

    async def _container(self, pending: Pending) -> bytes:
        if self._pen is None or pending.token is None:
            raise Refused("nobody signs here", code="no_signatures")
        try:
            made = await self._pen.sign(pending.statement, pending.kept, pending.token)
        except (PenRefused, TrustError) as error:
            raise Refused(error.message, code="signature_refused") from error
        await asyncio.to_thread(self.verified, pending, made)  # nothing is kept that will not be believed
        await asyncio.to_thread(self._parts.signatures.keep_container, pending.id, made)
        found = await asyncio.to_thread(self._parts.signatures.by_id, pending.id)
        assert found.container is not None
        return found.container

    def verified(self, pending: Pending, container: bytes) -> Signed:
        """Whether this is the acting person's signature over what was made for this action, given now, by whom we believe.

        Raises Refused (`signature_refused`).
        """
        try:
            found = verify_signed_document(container, named=self._named)
        except (PeerError, TrustError) as error:
            log.refusal("cases.signature_refused", error, case=pending.case)
            raise Refused(
                f"the signature does not hold: {error.message}", code="signature_refused"
            ) from error
        person = pending.actor.person
        statement = pending.statement
        now = self._parts.clock()
        faults = {
            "it is of another person": found.person != with_country(person, self._parts.profile.country),
            "it is of another document": (found.name, found.document) != (statement.name, statement.content),
            "it was not given for this": not pending.at - CLOCKS_APART
            <= found.signed_at
            <= now + CLOCKS_APART,
        }
        for fault, is_so in faults.items():
            if is_so:
                log.warning("cases.signature_refused", code=fault, case=pending.case)
                raise Refused(fault, code="signature_refused")
        digest = digest_of_form(pending.case, pending.action, pending.given)
        return Signed(pending.id, pending.case, pending.action, person, digest)
