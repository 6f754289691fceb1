"""A message log with a time-stamping authority over HTTP and a clock that stands still until it is set."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sild.http1 import fetch
from sild.message_log import (
    BodyEncryption,
    LoggedMessage,
    MessageLog,
    MessageRecord,
    Timestamper,
    TimestampingRules,
)
from sild.signatures import read_asice, write_asice
from sild.xroad.evidence import EvidenceReport, verify_container
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId
from support.logged_messages import signed_message
from support.trust import TrustServices

CLIENT = ClientId("DEV", "COM", "1234", "TestClient")


@dataclass
class StampedLog:
    trust: TrustServices
    now: datetime
    log: MessageLog
    globalconf: GlobalConf
    urls: list[str]

    def __post_init__(self) -> None:
        self.timestamper = self.new_timestamper()

    def clock(self) -> datetime:
        return self.now

    def new_timestamper(self, rules: TimestampingRules | None = None) -> Timestamper:
        return Timestamper(
            self.log,
            urls=lambda: self.urls,
            tsa_certificates=lambda: self.globalconf.tsa_certificates(self.now),
            interval=lambda: timedelta(minutes=5),
            fetch=fetch,
            clock=self.clock,
            rules=rules,
        )

    def record(
        self, query_id: str = "DEV-1", *, body: bytes | None = None, client_id: ClientId = CLIENT
    ) -> MessageRecord:
        return signed_message(self.trust.pki, query_id, body=body, client_id=client_id, at=self.now)

    async def append(
        self, *query_ids: str, body: bytes | None = None, client_id: ClientId = CLIENT
    ) -> list[int]:
        return [
            await self.log.append(self.record(query_id, body=body, client_id=client_id))
            for query_id in query_ids
        ]

    async def stamped(self, record_id: int) -> LoggedMessage:
        record = await self.log.get(record_id)
        assert record is not None and record.timestamp is not None
        return record

    async def verify(self, record_id: int) -> EvidenceReport:
        """Write the container out, read it back, judge it: as somebody would who trusts none of us."""
        record = await self.stamped(record_id)
        file = io.BytesIO()
        write_asice(await self.log.as_asice(record), file, at=record.time)
        return verify_container(read_asice(file), self.globalconf)


@asynccontextmanager
async def stamped_log(url: str, encryption: BodyEncryption | None = None) -> AsyncIterator[StampedLog]:
    async with TrustServices.running() as trust:
        now = datetime.now(UTC)
        log = MessageLog(url, clock=lambda: world.now, encryption=encryption)
        world = StampedLog(trust, now, log, trust.globalconf(("1234", "4321", "5678")), [trust.tsa_url])
        trust.clock = world.clock
        yield world
        await log.close()
