"""Nobody else reaches a model: not in the code, not on the network."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.ai_world import PROFILE, write_data

SOURCE = Path(__file__).parents[2] / "src" / "sild"
SUPPORT = Path(__file__).parents[1] / "support"
SDKS = {
    "openai",
    "anthropic",
    "llama_cpp",
    "httpx2",
    "litellm",
    "any_llm",
    "pydantic_ai",
    "google",
    "mistralai",
    "cohere",
    "ollama",
}
PLACES = ("api.openai.com", "api.anthropic.com")


def imported(tree: ast.AST) -> set[str]:
    """Top packages a module imports, by statement or by name in import_module, __import__, find_spec."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in ("import_module", "__import__", "find_spec"):
                found.add(str(node.args[0].value).partition(".")[0])
    return found


def test_the_gateway_alone_imports_what_speaks_to_models() -> None:
    users = {
        file.relative_to(SOURCE).parts[0]
        for file in SOURCE.rglob("*.py")
        if imported(ast.parse(file.read_text())) & SDKS or any(place in file.read_text() for place in PLACES)
    }
    assert users == {"ai_gateway"}


def test_within_the_gateway_the_providers_alone_do() -> None:
    users = {
        file.relative_to(SOURCE / "ai_gateway").parts[0]
        for file in (SOURCE / "ai_gateway").rglob("*.py")
        if imported(ast.parse(file.read_text())) & SDKS
    }
    assert users == {"providers"}


def test_the_contract_sees_what_it_must() -> None:
    sly = "import importlib\nimportlib.import_module('openai.types')\n"
    assert "openai" in imported(ast.parse(sly))
    assert "anthropic" in imported(ast.parse("def f():\n    from anthropic import Anthropic\n"))


# On the network: three namespaces. The platform's holds a register; it has a wire to the gateway's and no other. The gateway's has
# one more, to the provider's. Nothing is forwarded.

GATEWAY, PLATFORM, PROVIDER = "10.213.1.1", "10.213.1.2", "10.213.2.2"


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=20)


@contextmanager
def namespaces() -> Iterator[dict[str, str]]:
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("nsenter") is None:
        pytest.skip("network namespaces need root, ip and nsenter")
    names = {role: f"sild-{role}-{os.getpid()}" for role in ("gateway", "platform", "provider")}
    wires = (("gateway", "10.213.1.1", "platform", PLATFORM), ("gateway", "10.213.2.1", "provider", PROVIDER))
    try:
        try:
            for name in names.values():
                run("ip", "netns", "add", name)
                run("ip", "-n", name, "link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this machine makes no network namespaces: {error.stderr.decode().strip()}")
        for number, (one, address, other, its) in enumerate(wires):
            ends = (f"sa{number}x{os.getpid() % 10000}", f"sb{number}x{os.getpid() % 10000}")
            run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
            for end, role, ip in zip(ends, (one, other), (address, its), strict=True):
                run("ip", "link", "set", end, "netns", names[role])
                run("ip", "-n", names[role], "addr", "add", f"{ip}/24", "dev", end)
                run("ip", "-n", names[role], "link", "set", end, "up")
        run("ip", "netns", "exec", names["gateway"], "sysctl", "-q", "-w", "net.ipv4.ip_forward=0")
        yield names
    finally:
        for name in names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20, check=False)


@contextmanager
def process(namespace: str, *command: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """A process in a namespace, and the first JSON line it says."""
    started = subprocess.Popen(
        ["ip", "netns", "exec", namespace, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout is not None and started.stderr is not None
        line = started.stdout.readline()
        assert line, started.stderr.read()
        yield started, json.loads(line)
    finally:
        started.terminate()
        started.communicate(timeout=20)


PROBE = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()
    print("reached")
except OSError as error:
    print("not reached:", error)
"""

ASK = """
import sys
from sild.gateway_client import GatewayClient
done = GatewayClient(sys.argv[1], sys.argv[2]).complete("explain", {"passage": "Law."})
print(done.call.provider, done.text)
"""


def inside(started: subprocess.Popen[str], program: str, *arguments: str) -> str:
    """What `program` says, run where the process `started` is: in its own network."""
    command = ["nsenter", "-t", str(started.pid), "-n", sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_a_register_cannot_reach_the_provider_that_the_gateway_reaches(tmp_path: Path) -> None:
    write_data(tmp_path)
    sild = str(Path(sys.executable).parent / "sild")
    profile = "\n".join(
        f"{name} = {json.dumps(value)}" for name, value in PROFILE.items() if name != "expires"
    )
    (tmp_path / "gateway.toml").write_text(
        f'directory = "state"\nprompts = ["prompts"]\nalgorithms = ["algorithms"]\n'
        f'[[listen]]\nhost = "{GATEWAY}"\nport = 8090\n'
        f'[[providers]]\nname = "far"\nkind = "openai"\nmodel = "m"\nurl = "http://{PROVIDER}:8000/v1"\napi_key = "k"\n'
        f"[providers.profile]\nexpires = 2030-01-01\n{profile}\n"
    )
    (tmp_path / "register.toml").write_text(
        f'system = "SILD/GOV/70000002/education"\nkind = "education"\ndirectory = "register"\npeople = 100\n'
        f'[[listen]]\nhost = "{PLATFORM}"\nport = 8000\n'
    )
    config = str(tmp_path / "gateway.toml")
    with ExitStack() as stack:
        names = stack.enter_context(namespaces())
        foreign, _ = stack.enter_context(
            process(
                names["provider"],
                sys.executable,
                str(SUPPORT / "ai_providers.py"),
                "openai",
                PROVIDER,
                "8000",
            )
        )
        gateway, _ = stack.enter_context(process(names["gateway"], sild, "ai-gateway", "--config", config))
        register, _ = stack.enter_context(
            process(names["platform"], sild, "registry", "--config", str(tmp_path / "register.toml"))
        )
        key = subprocess.run(
            [sild, "ai-gateway", "key", "add", "--config", config, "--purpose", "plain words", "--algorithm", "plain-words", "--template", "explain"],
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout.strip()  # fmt: skip

        assert inside(gateway, PROBE, PROVIDER, "8000") == "reached"
        assert inside(register, PROBE, GATEWAY, "8090") == "reached"
        assert inside(register, PROBE, PROVIDER, "8000").startswith("not reached")
        # not even by a route through the gateway's namespace, which forwards nothing
        run("ip", "-n", names["platform"], "route", "add", "default", "via", GATEWAY)
        assert inside(register, PROBE, PROVIDER, "8000").startswith("not reached")

        assert inside(register, ASK, f"http://{GATEWAY}:8090", key) == "far Vastus on olemas."
        assert foreign.stdout is not None
        assert "Law." in foreign.stdout.readline()
