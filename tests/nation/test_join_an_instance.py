"""examples/join_an_instance.py: a stranger joins a running nation from a process of its own."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from sild.nation import DEMO, Nation

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "join_an_instance.py"


async def test_a_stranger_joins(tmp_path: Path) -> None:
    async with await Nation.start(tmp_path / "nation", plan=replace(DEMO, people=200)) as nation:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLE),
            str(nation.layout.description),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = (data.decode() for data in await process.communicate())
    assert process.returncode == 0, out + err
    assert "desk registered" in out
    assert "/population/listMethods: 200" in out
    assert "server.serverproxy.access_denied" in out, "the provider knows it, and grants it nothing"
