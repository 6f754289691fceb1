"""Who may act for whom: powers of attorney kept here, rights that registers answer for, and the chains of both.

A register (parents, guardians, boards) is asked through `MandateSource` when a person logs in, chooses, or a token is renewed;
nothing of it is copied. A power of attorney is withdrawn with everything passed on from it, and at once: the grants acting
under it are revoked in the same transaction. It counts while whoever gave it stands: the registers are asked that, too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Protocol

from sqlalchemy import ColumnElement, Row, insert, select, update

from sild.errors import CallerError, TrustError, Unavailable
from sild.identity_provider.sessions import Sessions
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.store import Change, Store, new_id
from sild.identity_provider.tables import mandate, token_grant, token_grant_mandate
from sild.openid import (
    AUDITOR,
    MAX_DEPTH,
    AuditScope,
    Mandate,
    Party,
    Representation,
    parse_audit_scope,
    verify_chain,
)

__all__ = ["MandateSource", "Mandates", "NotAllowed"]

OWN = "mandates"


class MandateSource(Protocol):
    """A register that knows who represents whom by law. Each mandate it gives is a whole chain of one link."""

    name: str

    def mandates_of(self, delegate: str, at: datetime) -> Sequence[Mandate]:
        """Rights `delegate` has now. Raises Unavailable."""
        ...

    def stands(self, party: Party, *, delegate: str, at: datetime) -> bool | None:
        """On behalf of `delegate`, who holds it: whether a power of attorney of this party's counts today: not of the dead, nor of a company that was deleted. None: this register knows nothing of it. Raises Unavailable."""
        ...


class NotAllowed(CallerError):
    """The person named may not give, pass on or withdraw this mandate."""

    code = "access_denied"


class Mandates:
    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        settings: IdentityProviderSettings,
        sources: Sequence[MandateSource],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._settings = settings
        self._sources = {source.name: source for source in sources}

    # --- asking

    def chains_of(self, delegate: str, *, representee: str | None = None) -> list[tuple[Mandate, ...]]:
        """Every chain by which `delegate` may act now.

        Raises Unavailable when a register does not answer, unless the others know of a right to act for `representee`.
        """
        held, silent = self.chains_known(delegate, representee=representee)
        if silent and (representee is None or not held):
            raise silent[0]
        return held

    def chains_known(
        self, delegate: str, *, representee: str | None = None
    ) -> tuple[list[tuple[Mandate, ...]], list[Unavailable]]:
        """The same, as far as registers answer; and why those that do not."""
        at = self._store.clock()
        found: list[tuple[Mandate, ...]] = []
        silent: list[Unavailable] = []
        for source in self._sources.values():
            try:
                found += [(right,) for right in source.mandates_of(delegate, at)]
            except Unavailable as error:
                silent.append(error)
        with self._store.change() as change:
            powers = (mandate.c.delegate == delegate) & mandate.c.scope.is_(None)
            given = [self._chain(change, row) for row in self._rows(change, powers)]
        held = [chain for chain in found if self._counts(chain, delegate, representee, at)]
        given = [chain for chain in given if self._counts(chain, delegate, representee, at)]
        standing: dict[str, bool] = {}
        for chain in given:
            try:
                standing[chain[0].id] = self._stands(chain[0], delegate, at)
            except Unavailable as error:
                silent.append(error)
        return held + [one for one in given if standing.get(one[0].id)], silent

    def representees_of(self, delegate: str) -> list[Party]:
        parties = {
            chain[-1].representee.identifier: chain[-1].representee for chain in self.chains_of(delegate)
        }
        return sorted(parties.values(), key=lambda party: (party.name, party.identifier))

    def representation(self, delegate: str, representee: str) -> Representation | None:
        chains = self.chains_of(delegate, representee=representee)
        return Representation(chains[0][-1].representee, tuple(chains)) if chains else None

    def given_by(self, representee: str) -> list[Mandate]:
        """Powers of attorney for `representee` that count now or later."""
        with self._store.change() as change:
            powers = (mandate.c.representee == representee) & mandate.c.scope.is_(None)
            rows = self._rows(change, powers)
            listed = [self._chain(change, row) for row in rows]
        at = self._store.clock()
        return [chain[-1] for chain in listed if self._status(chain, at) in ("valid", "not_yet_valid")]

    def appointments_of(self, delegate: str) -> list[Mandate]:
        """Mandates with a scope that `delegate` holds and that count now. They let nobody act for another; they let look."""
        at = self._store.clock()
        with self._store.change() as change:
            held = self._rows(change, (mandate.c.delegate == delegate) & mandate.c.scope.is_not(None))
            listed = [_mandate(row) for row in held]
        return [one for one in listed if one.status(at, self._settings.zone) == "valid"]

    def status(self, mandate_id: str) -> tuple[Mandate, str]:
        """A power of attorney and its status: valid, not_yet_valid, expired, withdrawn, by the worst link of its chain.

        Raises CallerError (`not_found`)."""
        with self._store.change() as change:
            chain = self._chain(change, self._row(change, mandate_id))
        return chain[-1], self._status(chain, self._store.clock())

    def _counts(
        self, chain: tuple[Mandate, ...], delegate: str, representee: str | None, at: datetime
    ) -> bool:
        return representee in (None, chain[-1].representee.identifier) and self._holds(chain, delegate, at)

    def _stands(self, root: Mandate, delegate: str, at: datetime) -> bool:
        """Whether the party lives, or acts; of whom no register here knows, of another country say, nobody hears that they ended.

        What a parent or guardian gave in somebody's name counts while they represent them; a company's is the company's own (ADR 0046).
        """
        party = root.representee
        asked = (source.stands(party, delegate=delegate, at=at) for source in self._sources.values())
        if not all(answer is not False for answer in asked):
            return False
        giver = self._given_by(root.id)
        return (
            giver == party.identifier
            or party.type == "LEGAL_PERSON"
            or self._by_law(giver, (party.identifier,), at)
        )

    def _given_by(self, mandate_id: str) -> str:
        with self._store.change() as change:
            return str(change.connection.scalar(select(mandate.c.added_by).where(mandate.c.id == mandate_id)))

    def _by_law(self, person: str, principals: Collection[str], at: datetime) -> bool:
        """Whether a register says that the person represents one of them. Raises Unavailable: none does, and another does not answer."""
        silent = None
        for source in self._sources.values():
            try:
                rights = source.mandates_of(person, at)
            except Unavailable as error:
                silent = error
                continue
            for right in rights:
                if right.representee.identifier in principals and self._holds((right,), person, at):
                    return True
        if silent is not None:
            raise silent
        return False

    def _holds(self, chain: tuple[Mandate, ...], delegate: str, at: datetime) -> bool:
        try:
            verify_chain(chain, delegate=delegate, at=at, zone=self._settings.zone)
        except TrustError:
            return False
        return True

    def _status(self, chain: tuple[Mandate, ...], at: datetime) -> str:
        found = [link.status(at, self._settings.zone) for link in chain]
        return next((worst for worst in ("withdrawn", "expired", "not_yet_valid") if worst in found), "valid")

    # --- changing

    def add(
        self,
        representee: Party,
        delegate: Party,
        role: str,
        *,
        actor: str,
        valid_from: date | None = None,
        valid_through: date | None = None,
        depth: int = 0,
    ) -> Mandate:
        """Give a power of attorney. actor: the person who does it: the representee, or who represents them by law.

        Raises CallerError (`unprocessable`), NotAllowed.
        """
        self._check_actor(actor, representee.identifier)
        if representee.identifier == delegate.identifier:
            raise CallerError("nobody needs a mandate from themselves", code="unprocessable")
        self._check_role(role, depth)
        with self._store.change() as change:
            day = change.at.astimezone(self._settings.zone).date()
            wanted = Mandate(
                id=new_id(),
                representee=representee,
                delegate=delegate,
                role=role,
                basis="POWER_OF_ATTORNEY",
                source=OWN,
                valid_from=valid_from or day,
                valid_through=valid_through,
                depth=depth,
            )
            return self._insert(change, wanted, actor, day)

    def appoint(
        self,
        body: Party,
        delegate: Party,
        scope: AuditScope,
        *,
        actor: str,
        valid_from: date | None = None,
        valid_through: date | None = None,
    ) -> Mandate:
        """Let a person look for a body that supervises others. actor: who appoints, for the audit row.

        Not offered over any interface: whoever administers the provider appoints. Raises CallerError (`unprocessable`).
        """
        if delegate.type != "NATURAL_PERSON":
            raise CallerError("a person is appointed", code="unprocessable")
        with self._store.change() as change:
            day = change.at.astimezone(self._settings.zone).date()
            wanted = Mandate(
                id=new_id(),
                representee=body,
                delegate=delegate,
                role=AUDITOR,
                basis="APPOINTMENT",
                source=OWN,
                valid_from=valid_from or day,
                valid_through=valid_through,
                scope=scope,
            )
            return self._insert(change, wanted, actor, day)

    def sub_delegate(
        self,
        mandate_id: str,
        delegate: Party,
        *,
        actor: str,
        valid_through: date | None = None,
        depth: int = 0,
    ) -> Mandate:
        """Pass a mandate on, to a natural person who has no part in it yet. actor: its holder, or who represents the holder by law.

        Raises CallerError (`not_found`, `unprocessable`), NotAllowed.
        """
        if delegate.type != "NATURAL_PERSON":
            raise CallerError("a mandate is passed on to a natural person", code="unprocessable")
        with self._store.change() as change:
            held = self._chain(change, self._row(change, mandate_id))
        self._check_actor(actor, held[-1].delegate.identifier)
        with self._store.change() as change:
            before = self._chain(change, self._row(change, mandate_id))  # as it is now
            parent = before[-1]
            if delegate.identifier in _people_of(before):
                raise CallerError("the person has a part in this mandate already", code="unprocessable")
            day = change.at.astimezone(self._settings.zone).date()
            wanted = replace(
                parent,
                id=new_id(),
                delegate=delegate,
                valid_from=max(day, parent.valid_from),
                valid_through=valid_through or parent.valid_through,
                depth=depth,
                parent=parent.id,
            )
            try:
                verify_chain(
                    (*before, wanted), delegate=delegate.identifier, at=change.at, zone=self._settings.zone
                )
            except TrustError as error:
                raise CallerError(error.message, code="unprocessable") from error
            return self._insert(change, wanted, actor, day)

    def withdraw(self, mandate_id: str, *, actor: str) -> int:
        """Withdraw a mandate and all passed on from it; gives how many grants ended. actor: the representee's side, or the
        holder, who waives it. Raises CallerError (`not_found`), NotAllowed."""
        with self._store.change() as change:
            found = self._chain(change, self._row(change, mandate_id))
        allowed = _people_of(found)
        if actor not in allowed:
            self._check_actor(actor, *allowed)
        with self._store.change() as change:
            gone = self._descendants(change, mandate_id)
            change.connection.execute(
                update(mandate)
                .where(mandate.c.id.in_(gone), mandate.c.withdrawn_at.is_(None))
                .values(withdrawn_at=change.at)
            )
            change.audit(
                "withdraw_mandate",
                actor=actor,
                subject=found[-1].representee.identifier,
                detail={"mandate": mandate_id},
            )
            return self.end_grants(change, gone)

    def end_grants(self, change: Change, mandate_ids: Sequence[str]) -> int:
        under = select(token_grant_mandate.c.grant_id).where(
            token_grant_mandate.c.mandate_id.in_(mandate_ids)
        )
        return self._sessions.revoke_grants(change, token_grant.c.id.in_(under), "mandate_withdrawn")

    # --- inside

    def _check_actor(self, actor: str, *principals: str) -> None:
        """The actor is one of the principals, or a register says they represent one by law."""
        if actor in principals:
            return
        if not self._by_law(actor, principals, self._store.clock()):
            raise NotAllowed("the person may not do this for the representee")

    def _check_role(self, role: str, depth: int) -> None:
        known = next((found for found in self._settings.mandate_roles if found.code == role), None)
        if known is None:
            raise CallerError("no such role", code="unprocessable")
        if not 0 <= depth < MAX_DEPTH or (depth and not known.sub_delegation):
            raise CallerError("the role cannot be passed on that far", code="unprocessable")

    def _insert(self, change: Change, wanted: Mandate, actor: str, day: date) -> Mandate:
        if wanted.valid_through is not None and wanted.valid_through < max(day, wanted.valid_from):
            raise CallerError("the last day lies before the first, or in the past", code="unprocessable")
        change.connection.execute(
            insert(mandate).values(
                id=wanted.id,
                representee=wanted.representee.identifier,
                representee_party=json.dumps(asdict(wanted.representee), ensure_ascii=False),
                delegate=wanted.delegate.identifier,
                delegate_party=json.dumps(asdict(wanted.delegate), ensure_ascii=False),
                role=wanted.role,
                valid_from=wanted.valid_from,
                valid_through=wanted.valid_through,
                depth=wanted.depth,
                parent=wanted.parent,
                scope=None
                if wanted.scope is None
                else json.dumps(wanted.scope.to_json(), ensure_ascii=False),
                added_at=change.at,
                added_by=actor,
            )
        )
        detail = {"mandate": wanted.id, "role": wanted.role, "parent": wanted.parent}
        change.audit("add_mandate", actor=actor, subject=wanted.representee.identifier, detail=detail)
        return wanted

    def _descendants(self, change: Change, mandate_id: str) -> list[str]:
        found, layer = [mandate_id], [mandate_id]
        while layer:
            layer = list(change.connection.scalars(select(mandate.c.id).where(mandate.c.parent.in_(layer))))
            found += layer
        return found

    def _rows(self, change: Change, which: ColumnElement[bool]) -> Sequence[Row[*tuple[object, ...]]]:
        return change.connection.execute(
            select(mandate).where(which).order_by(mandate.c.added_at, mandate.c.id)
        ).all()

    def _row(self, change: Change, mandate_id: str) -> Row[*tuple[object, ...]]:
        row = change.connection.execute(select(mandate).where(mandate.c.id == mandate_id)).one_or_none()
        if row is None:
            raise CallerError("no such mandate", code="not_found")
        return row

    def _chain(self, change: Change, row: Row[*tuple[object, ...]]) -> tuple[Mandate, ...]:
        """From the representee to this mandate. A chain longer than any may be is cut, and so does not verify."""
        links = [_mandate(row)]
        while links[0].parent is not None and len(links) <= MAX_DEPTH:
            links.insert(0, _mandate(self._row(change, links[0].parent)))
        return tuple(links)


def _people_of(chain: Sequence[Mandate]) -> set[str]:
    """Whose mandate it is, and through whose hands it went."""
    return {chain[-1].representee.identifier, *(link.delegate.identifier for link in chain)}


def _mandate(row: Row[*tuple[object, ...]]) -> Mandate:
    values = row._mapping
    return Mandate(
        id=values["id"],
        representee=Party(**json.loads(values["representee_party"])),
        delegate=Party(**json.loads(values["delegate_party"])),
        role=values["role"],
        basis="POWER_OF_ATTORNEY" if values["scope"] is None else "APPOINTMENT",
        source=OWN,
        valid_from=values["valid_from"],
        valid_through=values["valid_through"],
        depth=values["depth"],
        parent=values["parent"],
        withdrawn_at=values["withdrawn_at"],
        scope=None if values["scope"] is None else parse_audit_scope(json.loads(values["scope"])),
    )
