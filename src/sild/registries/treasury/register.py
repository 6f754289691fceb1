"""What the treasury does: takes an order once, puts it in one instruction file, and says what the bank made of it.

Never paid twice: an order is one row, whoever sends it how often; a file takes an order in the transaction that marks it, and
never changes; what the bank knows an order by never changes either. A body that has forgotten what it ordered is refused a second
order for the same matter, benefit, person and first day. A stop that comes before its order is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self, get_args
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, and_, insert, select, update

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.errors import CallerError
from sild.registries.identity_codes import Country
from sild.registries.kernel import Kernel, Provenance, Usage, Use
from sild.registries.profiles import profile
from sild.registries.treasury.orders import PaymentOrder, PaymentState, checked, digest_of, end_to_end_of
from sild.registries.treasury.pain import (
    Credit,
    Debtor,
    StatusReport,
    TransferStatus,
    read_report,
    render_instruction,
)
from sild.registries.treasury.tables import instructions, orders, stops
from sild.telemetry import get_logger

__all__ = ["PAYMENT", "Booked", "Instruction", "Taken", "TreasuryRegister"]

log = get_logger("register")

MIGRATIONS = Path(__file__).parent / "migrations"
SYSTEM = "/SILD/GOV/70000007/treasury"
PAYMENT = "payment"
BATCH = 10_000
"""Transfers in one file."""
SETTLED = ("ACSC", "ACCC")
REJECTED = "RJCT"
HAD_ALREADY = frozenset(("AM05", "DU01", "DU02", "DU03", "DU04", "DU05", "DUPL"))
"""Why a bank takes no second copy of what it has: no word on the first one, which it pays."""
BASIS = "RES § 62"
"""Of the treasury's own handing over of payments to its bank."""


@dataclass(frozen=True, slots=True)
class Booked:
    """An order in the books. client: the body that ordered it.  reason: why it was returned or stopped."""

    order: PaymentOrder
    client: str
    end_to_end: str
    state: PaymentState
    reason: str | None
    executed_on: date | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Instruction:
    """One file for the bank. id: its MsgId.  xml: pain.001.001.09; the same bytes whenever it is asked for."""

    id: str
    currency: str
    count: int
    total: str
    xml: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """What a status report changed. contradicted: `EndToEndId` of transfers of which it says what cannot be: people look at them."""

    executed: int
    returned: int
    contradicted: tuple[str, ...]


class TreasuryRegister:
    def __init__(self, kernel: Kernel, basis: str = BASIS) -> None:
        self.kernel = kernel
        self._basis = basis

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str = SYSTEM,
        basis: str = BASIS,
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
    ) -> Self:
        """basis: the provision on which it pays.  zone: of the country, which decides what day it is. Raises Unavailable (`database_error`)."""
        directory.mkdir(parents=True, exist_ok=True)
        url = database_url or sqlite_url(directory / "treasury.db")
        return cls(Kernel.open(url, system, MIGRATIONS, zone=zone, clock=clock), basis)

    def close(self) -> None:
        self.kernel.close()

    # --- what bodies say

    def order(self, order: PaymentOrder, usage: Usage) -> Booked:
        """Take an order, once; the same again is the same.

        Raises Defects (`order_not_payable`), CallerError: `order_differs` (another one under this id), `paid_already` (this matter
        under another id), `order_stopped`.
        """
        with self.kernel.used("orderPayment", usage) as use:
            use.concerns(order.person)
            known = checked(order)
            use.alone(f"order/{usage.client}/{known.reference}", _matter_key(usage.client, known))
            booked = _find(use, usage.client, known.reference)
            if booked is not None:
                if booked.digest != digest_of(known):
                    raise CallerError("this order id was used for another payment", code="order_differs")
                return _booked(booked)
            self._ensure_payable(use, known)
            return self._book(use, known)

    def _ensure_payable(self, use: Use, order: PaymentOrder) -> None:
        client = use.usage.client
        stopped = select(stops.c.reason).where(stops.c.client == client, stops.c.reference == order.reference)
        if use.connection.scalar(stopped) is not None:
            raise CallerError("the order was stopped before it came", code="order_stopped")
        same = select(orders.c.reference).where(
            orders.c.client == client,
            orders.c.matter == order.matter,
            orders.c.purpose == order.purpose,
            orders.c.person == order.person,
            orders.c.period_from == order.period_from,
            orders.c.state.in_(("received", "scheduled", "executed")),
        )
        other = use.connection.scalar(same)
        if other is not None:
            raise CallerError(f"this was ordered as {other}", code="paid_already")

    def _book(self, use: Use, order: PaymentOrder) -> Booked:
        usage = use.usage
        row = use.connection.execute(
            insert(orders)
            .values(
                **{name: getattr(order, name) for name in PaymentOrder.__dataclass_fields__},
                client=usage.client,
                digest=digest_of(order),
                end_to_end=end_to_end_of(usage.client, order.reference),
                basis=usage.basis or "",
                issue=usage.issue,
                message_id=usage.message_id,
                state="received",
                received_at=use.at,
                changed_at=use.at,
            )
            .returning(orders)
        ).one()
        _know(use, row)
        return _booked(row)

    def payment(self, reference: str, usage: Usage) -> Booked:
        """One of the client's own. Raises CallerError (`unknown_order`)."""
        with self.kernel.used("getPayment", usage) as use:
            return _booked(_require(use, usage.client, reference))

    def stop(self, reference: str, reason: str, usage: Usage) -> Booked | None:
        """It is not to be paid. None: no such order has come; should it come now, it is refused.

        Raises CallerError (`already_instructed`, `already_executed`): too late.
        """
        with self.kernel.used("stopPayment", usage) as use:
            use.alone(f"order/{usage.client}/{reference}")
            row = _find(use, usage.client, reference)
            if row is None:
                self._remember_stop(use, reference, reason)
                return None
            use.concerns(row.person)
            if row.state == "received":
                changed = self._set(use, orders.c.number == row.number, "received", "stopped", reason=reason)
                row = changed[0] if changed else _require(use, usage.client, reference)
            if row.state == "scheduled":
                raise CallerError("the bank has been told to pay it", code="already_instructed")
            if row.state == "executed":
                raise CallerError("it was paid", code="already_executed")
            return _booked(row)

    def _remember_stop(self, use: Use, reference: str, reason: str) -> None:
        client = use.usage.client
        known = select(stops.c.at).where(stops.c.client == client, stops.c.reference == reference)
        if use.connection.scalar(known) is None:
            row = {"client": client, "reference": reference, "reason": reason, "at": use.at}
            use.connection.execute(insert(stops).values(row))

    # --- towards the bank

    @property
    def currencies(self) -> tuple[str, ...]:
        """In which it pays: of each country whose profile says from where."""
        return tuple(_debtors())

    def instruct(self, currency: str) -> Instruction | None:
        """A new file of everything that may be paid by today and is in no file yet; None: nothing is."""
        debtors = _debtors()
        if currency not in debtors or not self._has_due(currency):
            return None
        at = self.kernel.now
        message_id = f"SILD-{at:%Y%m%d}-{uuid4().hex[:20]}"
        with self.kernel.used("instructBank", self._own(message_id)) as use:
            use.alone("instruct")
            due = select(orders.c.number).where(_is_due(currency, use.today))
            numbers = use.connection.scalars(due.order_by(orders.c.number).limit(BATCH)).all()
            if not numbers:
                return None
            empty = {"id": message_id, "currency": currency, "transfers": 0, "total": "0", "state": "made"}
            use.connection.execute(insert(instructions).values(**empty, xml="", made_at=at))
            taken = self._set(
                use, orders.c.number.in_(numbers), "received", "scheduled", instruction=message_id
            )
            credits_ = [_credit(row) for row in sorted(taken, key=lambda row: row.number)]
            if not credits_:  # each was stopped meanwhile
                use.connection.execute(instructions.delete().where(instructions.c.id == message_id))
                return None
            xml = render_instruction(
                message_id, credits_, debtor=debtors[currency], currency=currency, at=at, on=use.today
            )
            total = _total(xml)
            changing = update(instructions).where(instructions.c.id == message_id)
            use.connection.execute(changing.values(transfers=len(credits_), total=total, xml=xml.decode()))
            return Instruction(message_id, currency, len(credits_), total, xml)

    def _has_due(self, currency: str) -> bool:
        """Without a record of use: nobody's data is seen."""
        with self.kernel.engine.connect() as connection:
            due = select(orders.c.number).where(_is_due(currency, self.kernel.today)).limit(1)
            return connection.scalar(due) is not None

    def open_instructions(self) -> tuple[Instruction, ...]:
        """Files with transfers of which the bank has not said what became of them: to be handed over again after a failure.

        A bank takes a file once, by its id.
        """
        waiting = select(orders.c.instruction).where(orders.c.state == "scheduled")
        query = select(instructions).where(instructions.c.id.in_(waiting)).order_by(instructions.c.made_at)
        with self.kernel.engine.connect() as connection:
            return tuple(
                Instruction(row.id, row.currency, row.transfers, row.total, row.xml.encode())
                for row in connection.execute(query)
            )

    def take_report(self, xml: bytes) -> Taken:
        """What the bank says of a file: pain.002. The same report again changes nothing.

        Raises PeerError (`invalid_xml`, `invalid_report`), CallerError (`unknown_instruction`).
        """
        report = read_report(xml, self.kernel.zone)
        with self.kernel.used("takeBankReport", self._own(str(uuid4()))) as use:
            use.alone("instruct")
            found = select(instructions).where(instructions.c.id == report.instruction)
            if use.connection.execute(found).one_or_none() is None:
                raise CallerError("no such instruction file", code="unknown_instruction")
            if report.group == REJECTED and report.reason in HAD_ALREADY:
                log.info("treasury.file_had_already", instruction=report.instruction)
                return Taken(0, 0, ())
            executed, returned, contradicted = 0, 0, []
            for one in report.transfers:
                match self._reported(use, report.instruction, one):
                    case "executed":
                        executed += 1
                    case "returned":
                        returned += 1
                    case "contradicted":
                        contradicted.append(one.end_to_end)
            is_rejected = report.group == REJECTED and all(one.status == REJECTED for one in report.transfers)
            if is_rejected and not contradicted:
                contradicted += self._rejected(use, report)
            return Taken(executed, returned, tuple(contradicted))

    def _rejected(self, use: Use, report: StatusReport) -> Sequence[str]:
        """The file as a whole: nothing of it was paid, so what it names no reason for goes into the next one; unless the bank said
        otherwise of it before: then which."""
        named = [one.end_to_end for one in report.transfers]
        others = and_(orders.c.instruction == report.instruction, orders.c.end_to_end.not_in(named))
        said = select(orders.c.end_to_end).where(others, orders.c.state != "scheduled")
        if contradicted := use.connection.scalars(said).all():
            log.warning("treasury.report_contradicts", instruction=report.instruction, status=REJECTED)
            return contradicted
        log.warning("treasury.file_rejected", instruction=report.instruction, reason=report.reason or "")
        this = instructions.c.id == report.instruction
        use.connection.execute(update(instructions).where(this).values(state="rejected"))
        self._set(use, others, "scheduled", "received", instruction=None)
        return ()

    def _reported(self, use: Use, instruction: str, said: TransferStatus) -> str:
        ours = orders.c.end_to_end == said.end_to_end
        row = use.connection.execute(select(orders).where(ours)).one_or_none()
        if row is None or row.instruction != instruction:
            log.warning("treasury.report_contradicts", instruction=instruction, status=said.status)
            return "contradicted"
        if said.status in SETTLED:
            if row.state == "executed":
                return "known"
            day = said.on or use.today
            if not self._set(use, ours, "scheduled", "executed", executed_on=day):
                log.warning("treasury.report_contradicts", instruction=instruction, status=said.status)
                return "contradicted"  # it came back before: it cannot have been paid after that
            use.publish(
                "treasury.payment.executed", row.person, {"order": row.reference, "on": day.isoformat()}
            )
            return "executed"
        if said.status == REJECTED:
            if row.state == "returned":
                return "known"
            reason = said.reason or "NARR"
            if reason in HAD_ALREADY:  # ordered anew, it would be paid twice
                log.warning("treasury.report_contradicts", instruction=instruction, status=said.status)
                return "known" if row.state == "executed" else "contradicted"
            for state in ("scheduled", "executed"):  # money may come back after it was paid
                if self._set(use, ours, state, "returned", reason=reason, executed_on=None):
                    data = {"order": row.reference, "reason": reason}
                    use.publish("treasury.payment.returned", row.person, data)
                    return "returned"
        return "known"  # accepted, pending: it is still under way

    def _own(self, message_id: str) -> Usage:
        """The treasury's own use of what it holds."""
        return Usage(self.kernel.system.removeprefix("/"), message_id, user_id="automatic", basis=self._basis)

    def _set(
        self, use: Use, which: ColumnElement[bool], before: str, after: PaymentState, **values: Any
    ) -> Sequence[Row[Any]]:
        """Those that were in the one state and are in the other now; who was faster has them. values: of columns."""
        changing = update(orders).where(which, orders.c.state == before)
        changed = use.connection.execute(
            changing.values(state=after, changed_at=use.at, **values).returning(orders)
        ).all()
        for row in changed:
            use.concerns(row.person)
            _know(use, row)
        return changed


def _debtors() -> dict[str, Debtor]:
    """From which account it pays, by currency."""
    found = [profile(country) for country in get_args(Country)]
    return {one.currency: Debtor(one.pays_from.name, one.pays_from.account) for one in found if one.pays_from}


def _is_due(currency: str, today: date) -> ColumnElement[bool]:
    return and_(orders.c.state == "received", orders.c.currency == currency, orders.c.not_before <= today)


def _matter_key(client: str, order: PaymentOrder) -> str:
    return f"matter/{client}/{order.matter}/{order.purpose}/{order.person}/{order.period_from}"


def _find(use: Use, client: str, reference: str) -> Row[Any] | None:
    query = select(orders).where(orders.c.client == client, orders.c.reference == reference)
    return use.connection.execute(query).one_or_none()


def _require(use: Use, client: str, reference: str) -> Row[Any]:
    row = _find(use, client, reference)
    if row is None:
        raise CallerError("no such payment order", code="unknown_order")
    use.concerns(row.person)
    return row


def _know(use: Use, row: Row[Any]) -> None:
    """What the person finds among their data: each payment, as it stands, and the decision that grants it."""
    value = {
        "amount": row.amount,
        "currency": row.currency,
        "state": row.state,
        "purpose": row.purpose,
        "on": row.executed_on.isoformat() if row.executed_on else None,
        "period_from": row.period_from.isoformat(),
        "decision": row.decision,
        "authority": row.client,
    }
    use.facts.record(
        row.person,
        PAYMENT,
        value,
        valid_from=row.not_before,
        key=row.end_to_end,
        provenance=Provenance(row.client, row.basis, row.message_id),
    )


def _credit(row: Row[Any]) -> Credit:
    """The bank learns no more than it needs: not which benefit it is, nor whose child's."""
    return Credit(row.end_to_end, row.name, row.account, row.amount, f"Decision {row.decision}")


def _total(xml: bytes) -> str:
    start = xml.index(b"<CtrlSum>") + len(b"<CtrlSum>")
    return xml[start : xml.index(b"</CtrlSum>")].decode()


def _booked(row: Row[Any]) -> Booked:
    known = {name: getattr(row, name) for name in PaymentOrder.__dataclass_fields__}
    return Booked(
        order=PaymentOrder(**known),
        client=row.client,
        end_to_end=row.end_to_end,
        state=row.state,
        reason=row.reason,
        executed_on=row.executed_on,
        received_at=row.received_at,
    )
