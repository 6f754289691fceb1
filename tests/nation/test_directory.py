"""Starting a nation where it cannot start is refused before anything is begun, and says why."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sild.errors import CallerError
from sild.nation import DEMO, Layout, Nation
from sild.nation.layout import Ports, ServerPorts, free_ports, take_ports

SERVERS = ("ss1", "ss2")
SMALL = replace(DEMO, people=100)


def some_ports() -> Ports:
    found = free_ports(13)
    return Ports(*found[:5], ServerPorts(*found[5:9]), ServerPorts(*found[9:]))


async def test_two_in_one_directory(tmp_path: Path) -> None:
    with Layout(tmp_path, SERVERS).held():
        with pytest.raises(CallerError, match="already; give this one another"):
            await Nation.start(tmp_path)
    with Layout(tmp_path, SERVERS).held():
        pass  # let go of


@pytest.mark.parametrize(("index", "name"), [(0, "trust services"), (7, "provider server proxy")])
async def test_a_port_taken_meanwhile_is_named(tmp_path: Path, index: int, name: str) -> None:
    layout = Layout(tmp_path, SERVERS)
    ports = some_ports()
    layout.make_secrets()
    layout.write_ports(ports)
    port = list(ports.named().values())[index]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(CallerError) as caught:
        await Nation.start(tmp_path)
    assert f"port {port} (this nation's {name})" in caught.value.message
    assert not layout.trust_services.exists()


def test_ports_of_a_founding_are_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another nation may choose while this one makes its keys; this one's servers listen there all the same."""
    monkeypatch.setattr("sild.nation.layout.FIRST_PORT", 31_000)
    monkeypatch.setattr("sild.nation.layout.PAST_LAST_PORT", 31_030)
    ports, held = take_ports(["tax"])
    mine = set(ports.named().values())
    with held:
        for _ in range(20):
            assert not mine & set(free_ports(2))
        with socket.create_server(("127.0.0.1", ports.trust_services)):
            pass


async def test_a_founding_broken_off_is_begun_anew(tmp_path: Path) -> None:
    layout = Layout(tmp_path, SERVERS)
    layout.make_secrets()
    (layout.security_server("ss1") / "token").mkdir(parents=True)
    (layout.security_server("ss1") / "serverconf.db").write_text("half written")
    layout.anchor.write_text("<half")
    async with await Nation.start(tmp_path, plan=SMALL) as nation:
        assert nation.description["instance_identifier"] == "SILD"
    assert layout.is_founded


@pytest.mark.parametrize("kept", ["nation.json", "evidence", "letter"])
async def test_what_may_have_been_used_is_never_cleared(tmp_path: Path, kept: str) -> None:
    """Somebody deleted ports.json of a nation that ran, or put a file of their own beside."""
    layout = Layout(tmp_path, SERVERS)
    layout.make_secrets()
    (tmp_path / kept).touch()
    with pytest.raises(CallerError, match="neither empty nor"):
        await Nation.start(tmp_path)
    assert (tmp_path / kept).exists()


async def test_another_country_needs_another_directory(tmp_path: Path) -> None:
    async with await Nation.start(tmp_path, plan=SMALL):
        pass
    other = replace(SMALL, instance_identifier="SILD-VN")
    with pytest.raises(CallerError, match="holds the instance SILD, not SILD-VN: give another --dir"):
        await Nation.start(tmp_path, plan=other)
    async with await Nation.start(tmp_path, plan=SMALL):
        pass


async def test_a_start_that_fails_lets_go_of_everything(tmp_path: Path) -> None:
    async with await Nation.start(tmp_path, plan=SMALL) as nation:
        ports = nation.ports
    (tmp_path / "central-server" / "central-server.db").write_bytes(b"no database any more, but long enough")
    for path in (tmp_path / "central-server").glob("*.db-*"):
        path.unlink()
    for _ in range(2):  # the second would find a lock or a port taken
        with pytest.raises(Exception, match="not a database"):
            await Nation.start(tmp_path, plan=SMALL)
    with ExitStack() as stack:
        for port in ports.named().values():
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
