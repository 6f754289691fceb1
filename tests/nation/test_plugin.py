"""The fixture `nation` as the tests of an information system use it: another pytest, with nothing of ours but the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = """
import json
from urllib.request import Request, urlopen


def ask(nation, code):
    request = Request(f"{nation.client_url}{nation.service_path}/persons/{code}")
    request.add_header("X-Road-Client", nation.client)
    request.add_header("X-Road-UserId", "EE38001085718")
    request.add_header("X-Road-Issue", "example")
    request.add_header("Sild-Legal-Basis", "RaKS 11")
    with urlopen(request) as answer:
        return json.load(answer)


def test_the_readme(nation):
    code = nation.people[0]["code"]
    assert ask(nation, code)["code"] == code


def test_the_same_nation_serves_the_session(nation):
    assert len({server["id"] for server in nation.description["security_servers"]}) == 2


async def disable(server, service):
    server.serverconf.disable_service(service, "closed for a test")


def test_administration_in_the_middle(nation):
    server = nation.nation.provider
    (service,) = (each for each in server.serverconf.snapshot.services if each.service_code == "persons")
    nation.run(disable(server, service))
    try:
        ask(nation, nation.people[0]["code"])
    except OSError as refused:
        assert refused.headers["X-Road-Error"] == "server.serverproxy.service_disabled"
    else:
        raise AssertionError("answered")
"""


def pytest_in(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        "-q",
        *arguments,
    ]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)


def test_tests_of_an_information_system(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(TESTS)
    done = pytest_in(tmp_path)
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_who_does_not_ask_pays_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "import sys\ndef test_nothing(): assert not {'sild.nation', 'sqlalchemy', 'lxml'} & sys.modules.keys()\n"
    )
    done = pytest_in(tmp_path)
    assert done.returncode == 0, done.stdout


def test_a_nation_that_cannot_start_fails_the_test_and_leaves_no_thread(tmp_path: Path) -> None:
    """As where 127.0.0.1 may not be listened on: the test has an error, the run ends."""
    (tmp_path / "test_theirs.py").write_text(
        "import threading\n"
        "import pytest\n"
        "from sild.pytest_plugin import RunningNation\n"
        "def test_it(tmp_path):\n"
        "    (tmp_path / 'letter').touch()\n"
        "    with pytest.raises(Exception, match='neither empty nor'): RunningNation(tmp_path)\n"
        "    assert 'nation' not in [thread.name for thread in threading.enumerate()]\n"
    )
    done = pytest_in(tmp_path)
    assert done.returncode == 0, done.stdout
