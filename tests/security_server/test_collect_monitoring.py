"""examples/collect_monitoring.py collects every record once, in pages, over two servers."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from monitoring_questions import make_traffic
from recorded import recorded
from soap_world import CONSUMER_SUBSYSTEM, SoapWorld
from world import World

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "collect_monitoring.py"
PAGES = {
    "sending_interval_seconds": 600.0,
    "records_available_timestamp_offset_seconds": 0,
    "max_records_in_payload": 3,
}


async def collect(soap: SoapWorld, state: Path) -> tuple[list[dict[str, Any]], str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        soap.consumer.url,
        CONSUMER_SUBSYSTEM.encode(),
        "EE/BUSINESS/producer/ss2",
        str(state),
        "0",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.splitlines()], err.decode()


async def test_every_record_once(tmp_path: Path) -> None:
    async with World(tmp_path, instance="EE", member_class="BUSINESS") as world:
        world.central.monitoring_client = CONSUMER_SUBSYSTEM
        soap = SoapWorld(world)
        await soap.start(op_monitor=PAGES)
        state = tmp_path / "state.json"
        for _ in range(3):
            await make_traffic(soap, 2)
            await recorded(soap.provider)
            await asyncio.sleep(1.1)  # a second is given out when it is over
        first, health = await collect(soap, state)
        assert [record["serviceCode"] for record in first] == ["getState"] * 6
        assert "getState: 6 good, 0 bad" in health
        await recorded(soap.provider)
        await asyncio.sleep(1.1)
        second, _ = await collect(soap, state)
        assert {record["serviceCode"] for record in second} == {
            "getSecurityServerOperationalData",
            "getSecurityServerHealthData",
        }, "it goes on where it was, and its own questions are exchanges too"
        seen = [record["xRequestId"] for record in first + second]
        assert len(seen) == len(set(seen))
