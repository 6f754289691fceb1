"""`sild configuration-proxy` as operators run it: UG-CP 3.4 from the first command to a client, and a key rotation."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from central_server.central_world import OTHER, SetClock, fill
from configuration_proxy.proxy_world import source
from sild.clock import system_clock
from sild.configuration_client import ConfigurationClient
from sild.configuration_proxy import distribution_app
from sild.errors import CallerError
from sild.nation.layout import free_ports
from sild.processes.configuration_proxy import ConfigurationProxyProcessSettings
from sild.settings import read_settings
from sild.xroad.globalconf import parse_anchor, parse_signed_directory, verify_signed_directory
from support.asgi import serving
from support.pki import Pki

MAIN = [sys.executable, "-c", "from sild.cli import main; main()", "configuration-proxy"]


class Operator:
    """Types commands in a directory with `cp.toml`."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "cp.toml"
        (self.port,) = free_ports(1)
        (directory / "pin").write_text("1234\nnot this line\n")
        self.config.write_text(
            f"""
directory = "state"
address = "127.0.0.1:{self.port}"
protocols = ["http"]
pin_file = "pin"
update_seconds = 0.2
listen = [{{ port = {self.port} }}]
"""
        )

    def run(self, name: str, *arguments: str) -> str:
        done = subprocess.run(
            [*MAIN, name, "--config", self.config, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, name: str, *arguments: str) -> str:
        """What is said on standard error; exit status 2."""
        done = subprocess.run(
            [*MAIN, name, "--config", self.config, *arguments], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (2, "")
        return done.stderr

    @contextmanager
    def serving(self, *, kill: bool = False) -> Iterator[str]:
        """The address of `serve`; it must end by itself when asked to. kill: it is not asked."""
        arguments = [*MAIN, "serve", "--config", str(self.config)]
        with subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout is not None
                (address,) = json.loads(process.stdout.readline())["addresses"]
                yield address
                process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
                assert process.wait(20) == 0
            finally:
                process.kill()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


async def test_the_manual_from_beginning_to_end(tmp_path: Path, pki: Pki) -> None:
    with source(tmp_path / "cs", SetClock(system_clock())) as central:
        fill(central.server, pki)
        central.server.publish()
        operator = Operator(tmp_path)
        # (1)
        assert operator.run("create-instance", "-p", "PROXY").endswith("Done.\n")
        assert "'PROXY' already exists, aborting" in operator.refused("create-instance", "-p", "PROXY")
        # (2)
        said = operator.run("add-signing-key", "-p", "PROXY", "-t", "0", "-a", "EC").splitlines()
        key_id = said[0].removeprefix("Generated key with ID ")
        assert said[1:] == [
            f"Saved self-signed certificate to cert_{key_id}.pem",
            "No active key configured, setting new key as active in conf.ini",
            "Added key to conf.ini",
        ]
        # (3) as the manual says, by hand
        (tmp_path / "state/confproxy/PROXY/anchor.xml").write_bytes(central.anchor())
        # (4)
        shown = operator.run("view-conf", "-p", "PROXY")
        assert "Instance identifier: DEV\n" in shown
        assert f"http://127.0.0.1:{operator.port}/PROXY/conf\n" in shown
        assert operator.run("view-conf", "--all") == shown
        assert "PROXY: published versions 6, 5, 4, 3, 2\n" in operator.run("update")
        with operator.serving() as address:
            assert address == f"http://127.0.0.1:{operator.port}"
            # (5)
            anchor = tmp_path / "anchor.xml"
            said_of_anchor = operator.run("generate-anchor", "-p", "PROXY", "-f", str(anchor))
            assert said_of_anchor == f"Generated anchor xml to '{anchor}'\n"
            # (6)
            client = ConfigurationClient(parse_anchor(anchor.read_bytes()), tmp_path / "client")
            globalconf = await client.refresh()
            assert globalconf.member_name(OTHER, system_clock()) == "Ministry & sons"
            # 3.5
            operator.run("set-validity-interval", "-p", "PROXY", "300")
            new_id = operator.run("add-signing-key", "-p", "PROXY").splitlines()[0].rsplit(" ", 1)[1]
            conf = tmp_path / "state/public/PROXY/conf-v6"
            before = conf.stat().st_mtime_ns
            until(lambda: conf.stat().st_mtime_ns > before + 500_000_000)
            await client.refresh()
            operator.run("activate-signing-key", "-p", "PROXY", "-k", new_id)
            assert "active signing key" in operator.refused("del-signing-key", "-p", "PROXY", "-k", new_id)
            until(lambda: b"rsa-sha512" in conf.read_bytes())
            said_of_key = operator.run("del-signing-key", "-p", "PROXY", "-k", key_id)
            assert f"Deleted self-signed certificate 'cert_{key_id}.pem'" in said_of_key
            globalconf = await client.refresh()
            assert 200 < (globalconf.valid_until - system_clock()).total_seconds() <= 300
        # after a restart
        with operator.serving():
            await client.refresh()


async def test_killed_at_any_moment_it_leaves_whole_configurations(tmp_path: Path, pki: Pki) -> None:
    """Every round has new files to write; what is there after kill -9 verifies, and the next start goes on."""
    with source(tmp_path / "cs", SetClock(system_clock())) as central:
        fill(central.server, pki)
        central.server.publish()
        operator = Operator(tmp_path)
        operator.run("create-instance", "-p", "PROXY")
        operator.run("add-signing-key", "-p", "PROXY", "-a", "EC")
        (tmp_path / "state/confproxy/PROXY/anchor.xml").write_bytes(central.anchor())
        operator.config.write_text(operator.config.read_text().replace("0.2", "0.001"))
        anchor = tmp_path / "anchor.xml"
        operator.run("generate-anchor", "-p", "PROXY", "-f", str(anchor))
        public = tmp_path / "state/public"
        for number in range(4):
            with pytest.raises(AssertionError), operator.serving(kill=True):
                until(lambda: (public / "PROXY/conf-v2").exists())
                for name in range(5 + number):
                    central.server.rename_member(OTHER, f"Name {number} {name}")
                    central.server.publish()
                    time.sleep(0.013 * number)
            with serving(distribution_app(public)) as site:
                (certs,) = {s.verification_certs for s in parse_anchor(anchor.read_bytes()).sources}
                for version in range(2, 7):
                    signed = site.get(f"/PROXY/conf?version={version}").body
                    listed = verify_signed_directory(parse_signed_directory(signed), certs, at=system_clock())
                    for file in listed.files:
                        file.ensure_content(site.get(file.content_location).body)
        operator.run("update")
        assert [path.name for path in (public / "PROXY").glob(".1*")] == [], "leftovers are cleared"


def test_update_tells_what_failed(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.run("create-instance", "-p", "A")
    done = subprocess.run(
        [*MAIN, "update", "--config", operator.config], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "A: no_configuration_signing_keys_configured" in done.stderr


def test_refusals_are_one_line(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    for name, *arguments in (
        ("view-conf", "-p", "NONE"),
        ("add-signing-key", "-p", "NONE"),
        ("generate-anchor", "-p", "NONE", "-f", str(tmp_path / "x")),
    ):
        said = operator.refused(name, *arguments)
        assert said.splitlines()[-1].endswith("Configuration for proxy instance 'NONE' does not exist.")
    (tmp_path / "pin").write_text("another")
    assert "pin_incorrect" in operator.refused("add-signing-key", "-p", "NONE")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ('directory = "x"\naddress = "a"', "pin"),
        ('directory = "x"\naddress = "a"\npin = "1"\npin_file = "b"', "pin"),
        ('directory = "x"\npin = "1"', "address"),
        ('directory = "x"\naddress = "a"\npin = "1"\nupdate_second = 1', "update_second"),
    ],
)
def test_settings_that_are_refused(settings: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "cp.toml").write_text(settings)
    with pytest.raises(CallerError, match=why):
        read_settings(ConfigurationProxyProcessSettings, tmp_path / "cp.toml")
