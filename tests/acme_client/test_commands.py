"""`sild security-server certificate order` and `renewals`, beside a server that runs as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from ordering_world import CA, OrderingWorld

SILD = (sys.executable, "-c", "from sild.cli import main; main()", "security-server", "certificate")


async def sild(config: Any, *arguments: str) -> tuple[int, Any]:
    process = await asyncio.create_subprocess_exec(
        *SILD, *arguments, "--config", str(config), "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    return await process.wait(), json.loads(printed)


async def test_as_an_operator_does(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1", start=False)
    await it.world.spawn(site)
    config = site.server.settings.directory / "settings.toml"
    status, said = await sild(config, "order", CA, "--usage", "sign", "--activate")
    assert status == 0, said
    assert (said["state"], said["active"]) == ("registered", True)
    subject = "serialNumber=1,businessCategory=COM,O=Member 1,C=EE"
    status, other = await sild(config, "order", CA, "--usage", "sign", "--subject", subject)
    assert status == 0 and not other["active"]
    issued = it.authority.services.certificates()[-1]
    assert issued.subject == "2.5.4.5=1,2.5.4.15=COM,O=Member 1,C=EE"
    status, told = await sild(config, "renewals")
    assert status == 0 and told["orders"] == []
    assert [row["renewal"] for row in told["certificates"]] == [
        "N/A",
        "N/A",
        *["Next planned renewal on"] * 2,
    ]
    assert told["certificates"][2]["certificate"] == said["certificate"]
    status, refused = await sild(config, "order", "nobody", "--usage", "auth")
    assert status == 2 and "has no ACME server" in refused["error"]["message"]
