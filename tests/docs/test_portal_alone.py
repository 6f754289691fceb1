"""docs/portal.md and examples/kubernetes/portal.yaml: settings are settings, probes ask what serves, doors are for the security server."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from sild.cases import load_packs
from sild.cli import cli
from sild.nation.portal import ASKED
from sild.processes.portal import PortalProcessSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "portal.md").read_text()
MANIFEST = ROOT / "examples" / "kubernetes" / "portal.yaml"


def parts() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all(MANIFEST.read_text())}


def of_the_page() -> PortalProcessSettings:
    text = re.search(r"```toml\n(# portal\.toml.*?)```", PAGE, re.S)
    assert text is not None
    return PortalProcessSettings.model_validate(tomllib.loads(text.group(1)))


def of_the_manifest() -> PortalProcessSettings:
    return PortalProcessSettings.model_validate(tomllib.loads(parts()["ConfigMap"]["data"]["portal.toml"]))


def test_both_are_settings_and_name_every_register_that_cases_ask() -> None:
    for settings in (of_the_page(), of_the_manifest()):
        assert set(settings.cases.registers) == set(ASKED)
        assert {division.code for division in load_packs("EE").profile.divisions} >= set(
            settings.cases.communes
        )


def test_the_manifest_fits_its_settings() -> None:
    given = of_the_manifest()
    pod = parts()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    listening = {
        "people": given.listen,
        "events": given.events_listen,
        "decisions": given.decisions.listen,
        "health": given.health_listen,
    }
    assert ports == {name: one.port for name, (one,) in listening.items()}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == "health"
    assert given.database == given.cases.database is not None
    assert pod["terminationGracePeriodSeconds"] > given.leave_delay + 5
    asked = container["readinessProbe"]
    assert given.leave_delay > asked["failureThreshold"] * asked["periodSeconds"]
    assert {port["targetPort"] for port in parts()["Service"]["spec"]["ports"]} <= ports.keys()
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    assert any(mount["mountPath"] == str(given.decisions.directory) for mount in container["volumeMounts"])


def test_the_command_is_one() -> None:
    (container,) = parts()["Deployment"]["spec"]["template"]["spec"]["containers"]
    program, *arguments = container["command"]
    assert program == "sild"
    told = CliRunner().invoke(cli, [arguments[0], "--help"]).output
    assert all(one in told for one in arguments if one.startswith("--"))


def test_portal_and_cases_are_joined_in_one_place() -> None:
    """The command and a country open theirs by it: what the country's tests walk through is what operators run."""
    source = ROOT / "src" / "sild"
    told_of = [
        file for file in source.rglob("*.py") if re.search(r"CaseSystem\.open\(|\bPortal\(", file.read_text())
    ]
    calls = {str(file.relative_to(source)): called(file) for file in told_of}
    assert {file for file, names in calls.items() if "CaseSystem.open" in names} == {"portal/opening.py"}
    makers = {file for file, names in calls.items() if "Portal" in names}
    assert makers == {"portal/opening.py", "portal/portal.py"}  # the second: `portal_app`, over any cases


def called(file: Path) -> set[str]:
    return {
        ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)
    }
