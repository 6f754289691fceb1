"""`sild identity` beside a running country: whom somebody represents is asked of the registers, over the exchange."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from sild.nation import COUNTRY, Nation
from sild.nation.layout import free_ports
from sild.registries.kernel.tables import usage_records

from .portal_process import toml

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(300)]
SECRET = "s" * 40
SCOPE = {
    "bodies": ["*"],
    "algorithms": ["*"],
    "services": ["*"],
    "classes": ["income"],
    "basis": "ÕKS § 19",
    "matter": "M-1",
}


def settings(country: Nation, port: int, door: int) -> dict[str, Any]:
    plan = country.plan
    registers = {
        "population": plan.about.representation,
        "business": plan.about.boards,
    }
    return {
        "directory": "state",
        "issuer": f"http://localhost:{port}",
        "key_password": "of the keys",
        "certificate_status": "off",
        "listen": [{"port": port}],
        "exchange_listen": [{"port": door}],
        "mandate_roles": [{"code": "SILD:ALL", "title": {"et": "Kõik", "vi": "Tất cả", "en": "All"}}],
        "clients": [
            {
                "client_id": "asker",
                "name": "Asker",
                "redirect_uris": ["http://localhost:1/callback"],
                "secret_sha256": hashlib.sha256(SECRET.encode()).hexdigest(),
                "mandate_namespaces": ["*", "SILD"],
            }
        ],
        "rights": {
            "security_server": country.client_url(plan.system("identity")),
            "system": plan.system_id("identity").encode(),
            **{
                name: {"service": f"{plan.system_id(name).encode()}/{name}", "basis": basis}
                for name, basis in registers.items()
            },
        },
    }


@asynccontextmanager
async def process(config: Path) -> AsyncIterator[None]:
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sild", "identity", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        assert run.stdout is not None
        async with asyncio.timeout(60):
            assert json.loads(await run.stdout.readline())["server"] == "identity"
        yield
    finally:
        run.terminate()
        assert await run.wait() == 0


async def administer(config: Path, *words: str) -> str:
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sild", "identity", "--config", str(config), *words),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await run.communicate()
    assert run.returncode == 0, words
    return said.decode().strip()


async def test_registers_say_whom_somebody_represents(tmp_path: Path) -> None:
    async with await Nation.start(tmp_path / "nation", plan=replace(COUNTRY, people=600)) as country:
        port, door = free_ports(2)
        config = tmp_path / "identity.toml"
        rows = (f"{name} = {toml(value)}" for name, value in settings(country, port, door).items())
        config.write_text("\n".join(rows) + "\n")
        people = {one["id"]: one for one in country.description["test_people"]}  # type: ignore[attr-defined]
        mother, member = (
            f"{people[name]['country']}{people[name]['code']}" for name in ("single_mother", "board_member")
        )

        def ask(address: str) -> Any:
            return requests.get(address, auth=("asker", SECRET), headers={"X-Road-Client": "X"}, timeout=30)

        def represented(person: str) -> list[str]:
            answer = ask(f"http://localhost:{port}/v1/delegates/{person}/representees")
            assert answer.status_code == 200, answer.text
            return [one["identifier"] for one in answer.json()]

        async with process(config):
            children = await asyncio.to_thread(represented, mother)
            assert children and all(code.startswith("EE") and len(code) == 13 for code in children)
            assert "EE10001012" in await asyncio.to_thread(represented, member)
            scope = tmp_path / "scope.json"
            scope.write_text(json.dumps(SCOPE))
            given = await administer(
                config, "auditors", "appoint", mother, "EE70000013", "Õiguskantsler", "--scope", str(scope)
            )
            auditor = f"http://127.0.0.1:{door}/auditors/{mother}"
            (held,) = (await asyncio.to_thread(ask, auditor)).json()["items"]
            assert held["id"] == given
            await administer(config, "auditors", "withdraw", given)
            assert (await asyncio.to_thread(ask, auditor)).json()["items"] == []
        assert country.systems is not None
        with country.systems.registers["population"].register.kernel.engine.connect() as connection:
            asked = connection.execute(
                select(usage_records.c.client).where(usage_records.c.operation == "getRelations")
            )
            assert country.plan.system_id("identity").encode() in set(asked.scalars())
