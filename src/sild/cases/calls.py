"""One call of another body: written down before it is sent, with its outcome after; the same for people's looks and for jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Any

from sild.adapter import OWN_DATA, case_of_look
from sild.cases.actor import AUTOMATIC
from sild.cases.codes import with_country
from sild.cases.exchange import JSON, Exchange, message_id_of, new_message_id
from sild.cases.ledger import Ledger, SentMessage
from sild.cases.process import ExchangeAnswer
from sild.catalogue import Profile
from sild.clock import Clock
from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.telemetry import get_logger

__all__ = ["Calls", "PeopleAsking", "own_look"]

log = get_logger("cases")

PATIENCE = 10.0
"""Seconds for an answer while a person waits."""
JOB_PATIENCE = 60.0


def own_look(person: str, whose: str, day: date) -> str:
    """The case id of all that somebody looks at on a day of what is kept of `whose`, mostly of themselves. Codes with the country."""
    return case_of_look(OWN_DATA, person, whose, day.isoformat())


class Calls:
    """registers: `GOV/70000002/population` by name, `population`."""

    def __init__(
        self,
        exchange: Exchange,
        ledger: Ledger,
        registers: Mapping[str, str],
        profile: Profile,
        system: str,
        clock: Clock,
    ) -> None:
        self._exchange = exchange
        self._ledger = ledger
        self.registers = dict(registers)
        self.profile = profile
        self._system = system
        self._instance = system.strip("/").split("/")[0]
        self._heard: dict[str, datetime] = {}
        self.clock = clock

    def address(self, service: str) -> str:
        """Raises CallerError (`unknown_service`)."""
        found = service if service.count("/") >= 2 else self.registers.get(service)
        if found is None:
            raise CallerError(f"no register {service[:50]} is known here", code="unknown_service")
        return found

    def heard_of(self, member: str) -> datetime | None:
        """When a body (`GOV/70000002`) last answered this process; None: not since it started."""
        return self._heard.get(member)

    def systems(self, *services: str) -> list[str]:
        """`INSTANCE/CLASS/CODE/SUBSYSTEM` of registers; of all that are known here when none is named."""
        addresses = [self.address(one) for one in services or self.registers]
        return [f"{self._instance}/{'/'.join(one.split('/')[:3])}" for one in addresses]

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        content_type: str = JSON,
        case: str | None,
        basis: str | None,
        acting: str,
        role: str,
        acting_for: str | None = None,
        cause: tuple[str, ...] | None = None,
        patience: float = PATIENCE,
        proof: str | None = None,
        applied: str | None = None,
        office: str | None = None,
    ) -> ExchangeAnswer:
        """proof, applied, office: as `Exchange.call`.  acting_for: whose word it is, when somebody else says it.  cause: what makes the message's id; None: a look of its own. Raises as `Exchange.call`; Unavailable after `patience`."""
        address = self.address(service)
        user = acting if acting == AUTOMATIC else with_country(acting, self.profile.country)
        whose = None
        if acting_for not in (None, acting):
            whose = with_country(str(acting_for), self.profile.country)
        message_id = message_id_of(self._system, *cause) if cause else new_message_id(self._system)
        sent = SentMessage(
            message_id,
            case,
            address,
            method,
            path,
            basis or "",
            user,
            role,
            self.clock(),
            None,
            None,
            whose,
            office,
        )
        position = await asyncio.to_thread(self._ledger.sent, sent)
        outcome = "failed"
        try:
            async with asyncio.timeout(patience):
                answer = await self._exchange.call(
                    address,
                    method,
                    path,
                    body=body,
                    content_type=content_type,
                    case=case,
                    basis=basis,
                    acting=user,
                    message_id=message_id,
                    represented=whose,
                    proof=proof,
                    applied=applied,
                    office=office,
                )
            outcome = "done"
            self._heard["/".join(address.split("/")[:2])] = self.clock()
            return answer
        except TimeoutError:
            outcome = "timeout"
            raise Unavailable(f"{address} does not answer", code="timeout") from None
        except PlatformError as error:
            outcome = error.code
            raise
        finally:
            await asyncio.to_thread(self._ledger.answered, position, self.clock(), outcome)


Vouch = Callable[[str], Awaitable[str | None]]
"""The proof of who looks, for one register by its address."""


class PeopleAsking:
    """`Asking`: looks for one person in one case, while they wait. A register that failed once is not asked again.

    patience: seconds for each answer.
    """

    patience = PATIENCE

    def __init__(
        self,
        calls: Calls,
        case: str | None,
        acting: str,
        role: str,
        acting_for: str | None = None,
        vouch: Vouch | None = None,
        office: str | None = None,
    ) -> None:
        self._calls = calls
        self._case = case
        self._acting = acting
        self._role = role
        self._acting_for = acting_for
        self._vouch = vouch
        self._office = office
        self._failed: dict[str, str] = {}
        self.profile = calls.profile
        self.now: datetime = calls.clock()

    async def get(
        self, service: str, path: str, *, basis: str, proven: bool = False
    ) -> ExchangeAnswer | None:
        address = self._calls.address(service)
        if address in self._failed:
            return None
        try:
            proof = await self._vouch(address) if proven and self._vouch is not None else None
            return await self._calls.call(
                address,
                "GET",
                path,
                case=self._case,
                basis=basis,
                acting=self._acting,
                role=self._role,
                acting_for=self._acting_for,
                patience=self.patience,
                proof=proof,
                office=self._office,
            )
        except CallerError as refusal:
            if refusal.detail.get("status") not in (404, 410):
                log.refusal("cases.look_refused", refusal, register=address)
                self._failed[address] = refusal.code
            return None
        except PlatformError as error:
            log.refusal("cases.look_failed", error, register=address)
            self._failed[address] = "nonsense" if isinstance(error, PeerError) else "register_down"
            return None

    def failed(self, service: str) -> bool:
        return self._calls.address(service) in self._failed

    @property
    def failures(self) -> Mapping[str, str]:
        """Register -> why it gave nothing."""
        return self._failed
