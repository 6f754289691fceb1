"""`sild portal` as a process beside a country: its settings file made of the country's plan, as an operator would write one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from pydantic import SecretStr

from sild.nation import Nation
from sild.nation.identity import IdentityAddresses
from sild.nation.layout import free_ports
from sild.nation.portal import case_options, portal_settings
from sild.openid import SIGNING_SCOPE, Client

SECRETS = ("client_secret", "key_password")


def toml(value: Any) -> str:  # of settings: whatever they hold
    """As a value of TOML; a table in one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{json.dumps(name)} = {toml(one)}' for name, one in value.items() if one is not None)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    assert not isinstance(value, SecretStr)
    return json.dumps(str(value) if isinstance(value, PurePath) else value, ensure_ascii=False)


@dataclass
class PortalProcess:
    """One process. directory: of its settings and state, which several on one database share."""

    country: Nation
    directory: Path
    name: str = "portal"
    url: str = ""
    database: str | None = None  # PostgreSQL, of the portal and of cases
    events: dict[str, Any] = field(default_factory=dict)  # TLS of the door for events
    leave_delay: float = 0.0
    evidence: tuple[Mapping[str, Any], ...] = ()  # who gives evidence in other countries
    listen: dict[str, int] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None

    def __post_init__(self) -> None:
        ports = free_ports(4)
        self.listen = dict(zip(("listen", "events", "decisions", "health"), ports, strict=True))
        self.url = self.url or f"http://localhost:{self.listen['listen']}"

    @property
    def address(self) -> str:
        return f"http://localhost:{self.listen['listen']}"

    def settings(self) -> dict[str, Any]:
        nation = self.country
        assert nation.ai_gateway is not None
        plan = nation.plan
        made = portal_settings(
            plan,
            Path("state"),
            IdentityAddresses(nation.issuer, self.url, nation.ward_url),
            nation.people.values(),
            key_password="",
            client_secret="",
            gateway_url=nation.ai_gateway_url,
            gateway_key=nation.ai_gateway.assistant_key,
        )
        given = made.model_dump(exclude={*SECRETS, "languages", "time_zone"}) | {
            "client_id": "portal-process"
        }
        cases = case_options(plan).model_dump()
        cases["evidence_services"] = self.evidence
        if self.database is not None:
            given["database"] = cases["database"] = self.database
        trust = nation.layout.authorities
        return given | {
            "client_secret_file": "client.secret",
            "key_password_file": "keys.password",
            "listen": [{"port": self.listen["listen"]}],
            "events_listen": [{"port": self.listen["events"], **self.events}],
            "health_listen": [{"port": self.listen["health"]}],
            "leave_delay": self.leave_delay,
            "security_server": nation.client_url(plan.system("portal")),
            "cases": cases,
            "decisions": {
                "listen": [{"port": self.listen["decisions"]}],
                "security_server": nation.client_url(plan.system("cases")),
                "mandates": f"{plan.system_id('identity').encode()}/mandates",
                "auditors_through": [cases["system"]],
            },
            "signing": {"authorities": trust},
            "time_stamps": {
                "urls": [f"{nation.trust_url}/tsa"],
                "certificates": trust,
                "interval_seconds": 2,
            },
        }

    def write(self) -> Path:
        """The settings file, with the secrets beside it."""
        self.directory.mkdir(exist_ok=True)
        (self.directory / "client.secret").write_text("c" * 40 + "\n")
        (self.directory / "keys.password").write_text("of the keys\n")
        file = self.directory / f"{self.name}.toml"
        rows = (f"{name} = {toml(value)}" for name, value in self.settings().items() if value is not None)
        file.write_text("\n".join(rows) + "\n")
        return file

    async def start(self) -> None:
        config = await asyncio.to_thread(self.write)
        with (self.directory / f"{self.name}.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "sild", "portal", "--config", str(config)),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )
        assert self.process.stdout is not None
        async with asyncio.timeout(120):
            said = await self.process.stdout.readline()
        assert said, self.log[-3000:]
        assert json.loads(said)["server"] == "portal"

    async def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    def ask_to_end(self) -> None:
        """SIGTERM."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    async def end(self) -> int:
        """Its exit status. Asked again it waits no longer."""
        self.ask_to_end()
        assert self.process is not None
        return await self.process.wait()

    @property
    def log(self) -> str:
        return (self.directory / f"{self.name}.log").read_text()


def register(country: Nation, url: str) -> None:
    """Another client of the identity provider, of the same information system as the country's own portal."""
    client = Client(
        "portal-process",
        "Portal",
        (f"{url}/callback", f"{url}/signed"),
        "client_secret_basic",
        post_logout_redirect_uris=(f"{url}/logged-out",),
        backchannel_logout_uri=f"{url}/backchannel-logout",
        scopes=("openid", "representee", "official", SIGNING_SCOPE),
        refresh_tokens=True,
        mandate_namespaces=("*", "SILD"),
        system=country.plan.system_id("portal").encode(),
        registers=tuple(
            country.plan.system_id(system.kind).encode()
            for system in country.plan.systems
            if system.kind not in ("portal", "identity")
        ),
    )
    country.identity.register_client(client, secret="c" * 40)


@asynccontextmanager
async def running(*portals: PortalProcess) -> AsyncIterator[None]:
    """Of one address for people."""
    await asyncio.to_thread(register, portals[0].country, portals[0].url)
    try:
        await asyncio.gather(*(portal.start() for portal in portals))
        yield
    finally:
        for portal in portals:
            if portal.process is not None and portal.process.returncode is None:
                await portal.kill()
