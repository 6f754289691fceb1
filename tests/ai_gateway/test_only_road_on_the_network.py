"""Nobody else reaches a model: each process of the platform, started for real where docs/ai_gateway.md has it run.

A place is a network namespace, and what a process may reach is a matter of its place. So each command that serves is started in the
platform's, found there together with all it started itself, and asked what it reaches: the gateway, not the provider.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import click
import pytest

from sild.cli import cli
from sild.processes.registry import KINDS, RegistrySettings
from support.ai_world import PROFILE, write_data
from support.own_networks import (
    GATEWAY,
    PLATFORM,
    PROBE,
    PROVIDER,
    Places,
    Started,
    inside,
    namespaces,
    network_named,
    network_of,
    run,
    started_by,
)

SUPPORT = Path(__file__).parents[1] / "support"
MODEL, ROAD = f"{PROVIDER}:8000", f"{GATEWAY}:8090"

LISTEN = f'listen = [{{ host = "{PLATFORM}", port = 0 }}]\n'
SETTINGS = {
    "trust": f'directory = "trust"\npassword = "secret"\n{LISTEN}[acme]\nbase_url = "http://{PLATFORM}:8888"\n',
    "central-server": 'directory = "central-server"\ninstance_identifier = "DEV"\naddress = "central.example"\npin = "1234"\n'
    f'{LISTEN}registration_service = {{ host = "{PLATFORM}", port = 0 }}\n'
    f'management_service = {{ host = "{PLATFORM}", port = 0, any_client = true }}\n',
    "configuration-proxy": f'directory = "proxy"\naddress = "proxy.example"\npin = "1234"\n{LISTEN}',
    "op-monitor": f'directory = "op-monitor"\nlisten = {{ host = "{PLATFORM}", port = 0 }}\n',
    "identity": f'directory = "identity"\nissuer = "http://localhost"\nkey_password = "secret"\ncertificate_status = "off"\n{LISTEN}',
    "portal": 'directory = "portal"\nurl = "http://localhost"\nissuer = "http://localhost"\nclient_secret = "secret"\n'
    f'key_password = "secret"\nsecurity_server = "http://{PLATFORM}:8080"\nevents_listen = [{{ port = 0 }}]\n{LISTEN}'
    '[cases]\nsystem = "DEV/GOV/70000001/portal"\ndecisions = "DEV/GOV/70000005/cases"\n'
    'registers = { population = "GOV/70000002/population" }\n[decisions]\nlisten = [{ port = 0 }]\n',
    "security-server": 'owner = "DEV:GOV:70000002"\nserver_code = "SS1"\nanchor = "central-server/internal-anchor.xml"\n'
    f'directory = "ss1"\nlisten_address = "{PLATFORM}"\npeer_listen_address = "{PLATFORM}"\nclient_http_port = 0\n'
    "client_https_port = 0\nserver_proxy_port = 0\nocsp_responder_port = 0\nworkers = 1\n",
}
REGISTER_SETTINGS = {
    f"registry-{kind}": f'system = "DEV/GOV/70000002/{kind}"\nkind = "{kind}"\ndirectory = "{kind}"\npeople = 100\n{LISTEN}'
    for kind in KINDS
}
ALONE = [*SETTINGS, "demo", "rules"]
PROCESSES = [*ALONE, *REGISTER_SETTINGS]
WITH_CHILDREN = ("security-server", "rules")
TOOLS = {
    "archive", "assistant", "bench", "cohorts", "decisions", "documents", "message-log-key", "message-log-witness", "models", "rules",
    "treasury", "verify",
}  # fmt: skip

REGISTERS = """
import json, os, sys
import sild.processes.registry
from sild.cli import main
started = []
for config in sys.argv[1:]:
    started.append(os.fork())
    if not started[-1]:
        print(json.dumps({"config": config, "process": os.getpid()}), flush=True)
        sys.argv = ["sild", "registry", "--config", config]
        main()
ended, _ = os.wait()
for each in set(started) - {ended}:
    os.kill(each, 15)
"""
"""All kinds of registers, each a process that is `sild registry --config FILE`: what they import is read but once. When one ends,
all do."""

RULES = """
import json, sys
from sild.rule_engine import RuleEngine
from support.rules import AT, FAMILY, family
with RuleEngine(workers=1) as engine:
    engine.evaluate(FAMILY, family(), [("family", "child_allowance", "ETERNITY")], at=AT)
    print(json.dumps({"addresses": []}), flush=True)
    sys.stdin.read()
"""

ASK = """
import sys
from sild.gateway_client import GatewayClient
done = GatewayClient(sys.argv[1], sys.argv[2]).complete("explain", {"passage": "Law."})
print(done.call.provider, done.text)
"""


@dataclass(frozen=True)
class Platform:
    """All of it at once. processes: ids by name.  key: the gateway's, for whoever asks it."""

    names: dict[str, str]
    processes: dict[str, int]
    gateway: Started
    provider: Started
    key: str


def gateway_settings(directory: Path) -> Path:
    write_data(directory)
    profile = "\n".join(
        f"{name} = {json.dumps(value)}" for name, value in PROFILE.items() if name != "expires"
    )
    file = directory / "gateway.toml"
    file.write_text(
        f'directory = "state"\nprompts = ["prompts"]\nalgorithms = ["algorithms"]\n'
        f'[[listen]]\nhost = "{GATEWAY}"\nport = 8090\n'
        f'[[providers]]\nname = "far"\nkind = "openai"\nmodel = "m"\nurl = "http://{MODEL}/v1"\napi_key = "k"\n'
        f"[providers.profile]\nexpires = 2030-01-01\n{profile}\n"
    )
    return file


def begin(places: Places, directory: Path, name: str) -> Started:
    if name == "demo":
        demo = ("demo", "--json", "--people", "1000", "--dir", str(directory / "demo"))
        return places.sild("platform", *demo, until='"event": "serving"')
    if name == "rules":
        program = f"import sys\nsys.path.insert(0, {str(SUPPORT.parent)!r})\n{RULES}"
        return places.start("platform", sys.executable, "-c", program)
    (directory / f"{name}.toml").write_text(SETTINGS[name])
    command = [name, "serve"] if name == "configuration-proxy" else [name]
    return places.sild("platform", *command, "--config", str(directory / f"{name}.toml"))


def begin_registers(places: Places, directory: Path) -> Started:
    files = {directory / f"{name}.toml": text for name, text in REGISTER_SETTINGS.items()}
    for file, text in files.items():
        file.write_text(text)
    return places.start("platform", sys.executable, "-c", REGISTERS, *map(str, files))


def add_key(config: Path) -> str:
    words = ("--purpose", "plain words", "--algorithm", "plain-words", "--template", "explain")
    command = [sys.executable, "-m", "sild", "ai-gateway", "key", "add", "--config", str(config), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    directory = tmp_path_factory.mktemp("platform")
    config = gateway_settings(directory)
    with namespaces() as names:
        places = Places(names, directory)
        try:
            serve = (sys.executable, str(SUPPORT / "ai_providers.py"), "openai", PROVIDER, "8000")
            provider = places.start("provider", *serve, until='"url"')
            gateway = places.sild("gateway", "ai-gateway", "--config", str(config))
            registers = begin_registers(places, directory)
            started = {name: begin(places, directory, name) for name in ALONE if name != "security-server"}
            started["central-server"].wait()  # whose anchor the security server begins with
            started["security-server"] = begin(places, directory, "security-server")
            for each in (provider, gateway, *(s for name, s in started.items() if name != "central-server")):
                each.wait()
            said = [json.loads(line) for line in registers.wait(times=len(REGISTER_SETTINGS))]
            processes = {name: each.pid for name, each in started.items()}
            processes |= {Path(line["config"]).stem: line["process"] for line in said if "config" in line}
            yield Platform(names, processes, gateway, provider, add_key(config))
        finally:
            places.end()


def reached(pid: int) -> list[str]:
    """Which of the gateway and the provider can be reached from where a process runs."""
    return list(json.loads(inside(pid, PROBE, ROAD, MODEL, bare=True)))


def test_the_gateway_reaches_the_provider(platform: Platform) -> None:
    assert reached(platform.gateway.pid) == [ROAD, MODEL]


@pytest.mark.parametrize("name", PROCESSES)
def test_no_other_process_does_nor_what_it_starts(platform: Platform, name: str) -> None:
    """What it starts is in the same place; the rules' worker has left it for one of its own, where there is nothing at all."""
    process = platform.processes[name]
    assert network_of(process) == network_named(platform.names["platform"])
    assert reached(process) == [ROAD]
    children = started_by(process)
    assert children or name not in WITH_CHILDREN
    for child in children:
        assert reached(child) == ([ROAD] if network_of(child) == network_of(process) else [])


def test_not_even_by_a_route_through_the_gateway(platform: Platform) -> None:
    """It forwards nothing. All processes are in one place: what holds of it holds of them."""
    run("ip", "-n", platform.names["platform"], "route", "add", "default", "via", GATEWAY)
    try:
        assert reached(platform.processes["demo"]) == [ROAD]
    finally:
        run("ip", "-n", platform.names["platform"], "route", "del", "default")


def test_a_register_has_its_answer_through_the_gateway(platform: Platform) -> None:
    register = platform.processes["registry-education"]
    assert inside(register, ASK, f"http://{ROAD}", platform.key) == "far Vastus on olemas."
    assert platform.provider.process.stdout is not None
    assert "Law." in platform.provider.process.stdout.readline()


def test_every_command_is_one_that_serves_or_one_that_ends() -> None:
    """A new one is to be started above, or is a tool: it ends by itself, and runs where its operator runs it."""
    commands = cli.list_commands(click.Context(cli))
    assert {*SETTINGS, "registry", "demo", "ai-gateway"} | TOOLS == set(commands)
    assert set(KINDS) == set(get_args(RegistrySettings.model_fields["kind"].annotation))
