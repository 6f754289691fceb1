"""Two case systems on one PostgreSQL database, a schema each: neither sees, does or disturbs what is the other's."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import psycopg
import pytest

from sild.cases import Refused
from support.postgres import PostgreSQL

from .world import MARI, OFFICIAL, World


def with_schema(server: PostgreSQL, url: str, name: str) -> str:
    database = url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(server.conninfo(database), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{url}&options={quote(f'-csearch_path={name}', safe='')}"


async def test_each_keeps_to_its_own(postgresql: PostgreSQL, tmp_path):
    with postgresql.database() as url:
        worlds = [World(tmp_path, with_schema(postgresql, url, name)) for name in ("cases_ee", "cases_vn")]
        first, second = worlds
        async with first:
            first.registers.trouble["residence"] = "down"
            case = await first.sent()
            await first.act(case, "ACCEPT", OFFICIAL)
            waiting = await until_waiting(first, case)
        assert waiting, "a job of the first waits for a register"
        async with second:
            await asyncio.sleep(2.5)  # long enough to take up what a dead process left
            assert second.registers.made("residence", "POST") == []
            with pytest.raises(Refused) as refused:
                await second.cases.view(case, MARI)
            assert refused.value.code == "not_yours"
            other = await second.sent()
            assert (await second.cases.view(other, MARI)).number == "S-2026-000001"
        first.registers.trouble.clear()
        async with first:
            view = await finished(first, case)
            assert view.number == "S-2026-000001" and view.failed_bodies == ()
            assert len(first.registers.made("residence", "POST")) >= 1


async def until_waiting(world, case):
    async with asyncio.timeout(15):
        while not (await world.cases.view(case, OFFICIAL)).failed_bodies:
            await asyncio.sleep(0.05)
    return True


async def finished(world, case):
    async with asyncio.timeout(20):
        while (view := await world.cases.view(case, OFFICIAL)).failed_bodies:
            await asyncio.sleep(0.1)
    return view
