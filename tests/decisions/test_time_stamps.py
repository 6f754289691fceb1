"""Heads are stamped by an authority over HTTP; one that is down, refuses, or is a stranger's is passed by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from sild.database import open_database, sqlite_url
from sild.decisions import (
    DECISION_MIGRATIONS,
    BodyKeys,
    Checkpointer,
    DecisionStore,
    NightlyReplay,
    ReplayReport,
    TimeStampClient,
    bundle_of,
    match_rate,
    render_bundle,
    tables,
    verify_bundle,
)
from sild.errors import Unavailable
from sild.http1 import Request, Responder, fetch, serve
from sild.pki import PKIFailureInfo, TimeStampAuthority, der, timestamp_refusal

from .world import Root, SetClock, draft

KEY = ec.generate_private_key(ec.SECP256R1())


class World:
    def __init__(self, directory: Path) -> None:
        self.clock, self.root = SetClock(), Root()
        self.authority = self.root.time_stamper(KEY)
        engine = open_database(sqlite_url(directory / "d.db"), DECISION_MIGRATIONS, durable=False)
        self.store = DecisionStore(engine, self.root.sealer(), BodyKeys(b"k" * 32), clock=self.clock)
        self.answers: list[str] = []
        self.authorities = {"/tsa": self.authority, "/stranger": Root().time_stamper(KEY)}
        self.port = 0

    async def answer(self, request: Request, responder: Responder) -> None:
        path = request.target.decode()
        self.answers.append(path)
        body = await request.read(100_000)
        authority: TimeStampAuthority | None = self.authorities.get(path)
        if path == "/gone":
            await responder.send(503, [])
        elif authority is None:
            await responder.send(200, [], timestamp_refusal(PKIFailureInfo.TIME_NOT_AVAILABLE, "no clock"))
        else:
            await responder.send(
                200, [], authority.answer(body, at=self.clock(), serial_number=len(self.answers))
            )

    def client(self, *paths: str) -> TimeStampClient:
        urls = [f"http://127.0.0.1:{self.port}{path}" for path in paths]
        return TimeStampClient(urls, [self.authority.certificate], fetch)

    def decide(self) -> str:
        with self.store.engine.begin() as connection:
            return str(self.store.decide(connection, draft(self.store)).id)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    server = await serve(world.answer, "127.0.0.1", 0)
    world.port = server.port
    yield world
    await server.close()


async def test_the_first_authority_that_gives_one(world: World) -> None:
    decision = world.decide()
    stamp = world.client("/gone", "/refuses", "/stranger", "/tsa")
    await Checkpointer(world.store, stamp, origin="SILD/GOV/70000004/social").tick()
    assert world.answers == ["/gone", "/refuses", "/stranger", "/tsa"]
    with world.store.engine.connect() as connection:
        bundle = render_bundle(bundle_of(world.store, connection, decision))
    assert {finding.verdict for finding in verify_bundle(bundle, [der(world.root.certificate)])} == {"holds"}


async def test_no_authority_gives_one(world: World) -> None:
    world.decide()
    with pytest.raises(Unavailable) as refused:
        await Checkpointer(world.store, world.client("/gone", "/stranger"), origin="x").tick()
    assert refused.value.code == "timestamping_failed"


async def test_the_round_goes_on_after_a_failure(world: World) -> None:
    world.decide()
    stamp = world.client("/tsa")
    authority = world.authorities.pop("/tsa")
    running = asyncio.create_task(
        Checkpointer(world.store, stamp, origin="x", interval=timedelta(milliseconds=20)).run()
    )
    while len(world.answers) < 2:
        await asyncio.sleep(0.01)
    world.authorities["/tsa"] = authority
    for _ in range(300):
        with world.store.engine.connect() as connection:
            if connection.scalars(select(tables.timestamps.c.size)).all() == [1]:
                break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("never stamped")
    running.cancel()


async def test_nights_come_by_themselves(world: World) -> None:
    decision = world.decide()
    world.clock.forward(days=1)

    def replay_one(decision: str) -> ReplayReport:
        return ReplayReport(decision, "match", ())

    running = asyncio.create_task(NightlyReplay(world.store, replay_one).run())
    for _ in range(300):
        with world.store.engine.connect() as connection:
            if match_rate(connection, decision=decision).matched:
                break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("never replayed")
    running.cancel()


@pytest.mark.parametrize("origin", ["", "with blank", "plus+"])
def test_a_name_that_a_log_may_not_have(world: World, origin: str) -> None:
    with pytest.raises(ValueError):
        Checkpointer(world.store, world.client("/tsa"), origin=origin)
