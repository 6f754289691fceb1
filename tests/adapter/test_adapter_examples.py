"""The examples, run as a newcomer runs them, against a running nation."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sild.adapter import AsyncXRoadClient, CallContext, CallerError, ClientId, ServiceId, XRoadClient
from sild.http1 import fetch
from sild.pytest_plugin import RunningNation

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *arguments: object, status: int = 0) -> str:
    ended = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == status, ended.stderr
    return ended.stdout if status == 0 else ended.stderr


def test_a_call(nation: RunningNation) -> None:
    description = nation.nation.layout.description
    person = nation.people[0]
    assert run("call_a_service.py", description).startswith(person["name"])
    assert run("call_a_service.py", description, nation.people[1]["code"]).startswith(
        nation.people[1]["name"]
    )
    assert "Unknown person" in run("call_a_service.py", description, "38001085718", status=1)


def test_a_call_that_fails(nation: RunningNation, tmp_path: Path) -> None:
    changed = json.loads(nation.nation.layout.description.read_text())
    changed["services"][0]["id"] += "-not"
    (tmp_path / "nation.json").write_text(json.dumps(changed))
    assert run("call_a_service.py", tmp_path / "nation.json", status=2).startswith("unknown_service: ")
    changed["security_servers"][1]["addresses"]["client_http"] = "http://127.0.0.1:9"
    (tmp_path / "nation.json").write_text(json.dumps(changed))
    assert run("call_a_service.py", tmp_path / "nation.json", status=3).startswith("not now: ")


def test_many_calls(nation: RunningNation) -> None:
    lines = run("ask_many.py", nation.nation.layout.description).splitlines()
    assert len(lines) == 10 * len(nation.people)
    for person in nation.people:
        assert any(line.startswith(f"{person['name']}: ") for line in lines)
    assert all(line.endswith(" children") for line in lines)


def test_evidence(nation: RunningNation, tmp_path: Path) -> None:
    out = run("evidence_of_an_answer.py", nation.nation.layout.description, tmp_path / "evidence")
    assert out.startswith(
        "SILD:GOV:70000003:insurance asked, SILD:GOV:70000002:population answered, before 20"
    )
    conf = nation.description["security_servers"][0]["configuration_directory"]
    for path in out.splitlines()[1:]:
        verdict = subprocess.run(
            [sys.executable, "-m", "sild", "verify", path, "--conf", conf], capture_output=True, timeout=60
        )
        assert verdict.returncode == 0, verdict.stdout


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


@contextmanager
def serving(name: str) -> Iterator[str]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    with subprocess.Popen([sys.executable, EXAMPLES / name, str(port)], env=os.environ) as process:
        try:
            until = time.monotonic() + 30
            while time.monotonic() < until:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)
            yield url
        finally:
            process.terminate()


async def test_a_service(nation: RunningNation) -> None:
    conf, plan = nation.nation.provider.serverconf, nation.nation.plan
    with serving("weather_service.py") as url:
        description = await fetch(f"{url}/openapi.json")
        weather = conf.add_openapi_service(
            plan.subsystem_id(plan.provider), "weather", f"{url}/openapi.json", description.body, url=url
        )
        conf.grant(weather, plan.subsystem_id(plan.consumer), method="GET", path="/stations/*")
        client = ClientId.decode(nation.client)
        async with AsyncXRoadClient(nation.client_url, client) as xroad:
            context = CallContext(user_id="EE38001085718")
            answer = await xroad.get(weather, ["stations", "tallinn"], context=context)
            assert answer.ensure_success().json() == {
                "station": "tallinn",
                "celsius": -3.5,
                "asked_by": f"EE38001085718 of {client}",
                "message_id": answer.query_id,
            }
            assert (await xroad.get(weather, ["stations", "nowhere"])).status == 404
            with pytest.raises(CallerError) as denied:
                await xroad.get(weather, "/health")
            assert denied.value.code == "access_denied"
        past_the_exchange = await fetch(f"{url}/stations/tallinn")
        assert past_the_exchange.status == 400
        assert past_the_exchange.header(b"content-type") == b"application/problem+json"


def test_what_is_on_offer(nation: RunningNation) -> None:
    """A nation's servers answer what portals ask (PR-META, PR-MREST)."""
    register = ClientId.parse("SILD:GOV:70000002:population")
    with XRoadClient(nation.client_url, ClientId.decode(nation.client)) as xroad:
        assert register in {listed.id for listed in xroad.list_clients()}
        assert ServiceId(register, "persons") in {listed.id for listed in xroad.list_methods(register)}
        assert "Population" in xroad.get_openapi(ServiceId(register, "persons")).parse()["info"]["title"]
        assert xroad.list_soap_methods(register) == ()
