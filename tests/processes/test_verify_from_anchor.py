"""`sild verify --conf ANCHOR`: the configuration is downloaded from the anchor's source, and verified."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner

from sild.processes.verify import command
from sild.xroad.globalconf import parse_shared_parameters, render_anchor
from support.configuration_source import ConfigurationSourceServer, SigningKey


def run(file: Path, anchor: Path) -> tuple[int, dict[str, str]]:
    arguments = [str(file), "--conf", str(anchor), "--at", "2026-11-22T12:02:30Z", "--json"]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert result.exception is None, result.exception
    return result.return_value, json.loads(result.output)


async def test_from_an_anchor(shared: Path, tmp_path: Path) -> None:
    parameters = parse_shared_parameters((shared / "wire/globalconf/EE/shared-params.xml").read_bytes())
    anchor = tmp_path / "anchor.xml"
    async with ConfigurationSourceServer("EE", versions=(2,)) as source:
        source.publish(at=datetime.now(UTC), shared=parameters)
        anchor.write_bytes(render_anchor(source.anchor("external")))
        status, facts = await asyncio.to_thread(run, shared / "wire/01.req", anchor)
        assert (status, facts["signer"]) == (0, "EE:BUSINESS:consumer:sub")

        source.publish(at=datetime.now(UTC), shared=parameters, signer=SigningKey.named("a stranger"))
        status, facts = await asyncio.to_thread(run, shared / "wire/01.req", anchor)
        assert (status, facts["verdict"]) == (2, "cannot_tell")
        assert "global_conf" in facts["fault_code"]
    status, facts = await asyncio.to_thread(run, shared / "wire/01.req", anchor)
    assert (status, facts["verdict"]) == (2, "cannot_tell")
