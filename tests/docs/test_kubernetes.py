"""examples/kubernetes: its settings are settings, its probes ask what serves, its command is one."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from sild.cli import cli
from sild.processes.security_server import SecurityServerProcessSettings

MANIFEST = Path(__file__).parents[2] / "examples" / "kubernetes" / "security-server.yaml"


def parts() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all(MANIFEST.read_text())}


def settings() -> SecurityServerProcessSettings:
    return SecurityServerProcessSettings.model_validate(
        tomllib.loads(parts()["ConfigMap"]["data"]["server.toml"])
    )


def test_the_settings_are_settings_and_fit_the_ports_and_probes() -> None:
    given = settings()
    pod = parts()["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {
        "client-http": given.client_http_port,
        "client-https": given.client_https_port,
        "messages": given.server_proxy_port,
        "ocsp": given.ocsp_responder_port,
        "health": given.health_check_port,
    }
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == "health"
    assert given.database_url == given.message_log_url == given.signer_url
    grace = float(container["command"][container["command"].index("--grace") + 1])
    assert pod["terminationGracePeriodSeconds"] > given.leave_delay + grace
    ready = container["readinessProbe"]
    assert given.leave_delay > ready["failureThreshold"] * ready["periodSeconds"]
    assert {port["targetPort"] for port in parts()["Service"]["spec"]["ports"]} <= ports.keys()


def test_the_command_is_one() -> None:
    (container,) = parts()["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    program, *arguments = container["command"]
    assert program == "sild"
    options = [argument for argument in arguments if argument.startswith("--")]
    told = CliRunner().invoke(cli, [arguments[0], "--help"]).output
    assert all(option in told for option in options)


def test_what_is_mounted_is_there_and_the_init_container_writes_the_settings(tmp_path: Path) -> None:
    pod = parts()["StatefulSet"]["spec"]
    (initial,) = pod["template"]["spec"]["initContainers"]
    volumes = {volume["name"] for volume in pod["template"]["spec"]["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in pod["volumeClaimTemplates"]}
    assert {mount["name"] for mount in initial["volumeMounts"]} == volumes
    script = initial["args"][0]
    for mount in initial["volumeMounts"]:
        directory = tmp_path / mount["name"]
        directory.mkdir()
        script = script.replace(mount["mountPath"], str(directory))
    (tmp_path / "settings" / "server.toml").write_text(parts()["ConfigMap"]["data"]["server.toml"])
    (tmp_path / "secret" / "database-url").write_text("postgresql://sild:secret@db/ss1\n")
    (tmp_path / "secret" / "internal-tls.pem").write_text("pem")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run([*initial["command"], script], check=True, env={"PATH": path})
    written = tmp_path / "state" / "server.toml"
    assert tomllib.loads(written.read_text())["signer_url"] == "postgresql://sild:secret@db/ss1"
    assert written.stat().st_mode & 0o077 == 0
