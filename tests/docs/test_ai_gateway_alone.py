"""examples/kubernetes/ai-gateway.yaml and examples/systemd: the gateway goes out, nobody else does, and its settings are settings."""

from __future__ import annotations

import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from sild.cli import cli
from sild.processes.ai_gateway import AIGatewaySettings

EXAMPLES = Path(__file__).parents[2] / "examples"
PROVIDER = "192.0.2.7"


def parts() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((EXAMPLES / "kubernetes" / "ai-gateway.yaml").read_text()))


def policies() -> list[dict[str, Any]]:
    return [each["spec"] for each in parts() if each["kind"] == "NetworkPolicy"]


def may_reach(labels: dict[str, str], address: str, port: int) -> bool:
    """As Kubernetes reads egress policies: nothing, once one selects the pod, but what one of them allows."""
    mine = [
        spec
        for spec in policies()
        if "Egress" in spec["policyTypes"]
        and spec["podSelector"].get("matchLabels", {}).items() <= labels.items()
    ]
    if not mine:
        return True
    return any(
        any(
            "ipBlock" in to and ip_address(address) in ip_network(to["ipBlock"]["cidr"])
            for to in rule.get("to", [{"ipBlock": {"cidr": "0.0.0.0/0"}}])
        )
        and any(each["port"] == port for each in rule.get("ports", [{"port": port}]))
        for spec in mine
        for rule in spec.get("egress", [])
    )


def test_the_gateway_alone_reaches_a_provider() -> None:
    assert may_reach({"app": "ai-gateway"}, PROVIDER, 443)
    assert not may_reach({"app": "ai-gateway"}, PROVIDER, 80)
    assert not may_reach({"app": "ai-gateway"}, "203.0.113.9", 443)
    for app in ("portal", "registry", "cases", "assistant", "security-server", ""):
        assert not may_reach({"app": app}, PROVIDER, 443)


def test_only_pods_that_use_ai_reach_the_gateway() -> None:
    (spec,) = [each for each in policies() if "Ingress" in each["policyTypes"]]
    (rule,) = spec["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"sild-uses-ai": "true"}}}]


def test_the_settings_are_settings_and_the_command_is_one() -> None:
    by_kind = {each["kind"]: each for each in parts()}
    text = by_kind["ConfigMap"]["data"]["gateway.toml"]
    settings = AIGatewaySettings.model_validate(tomllib.loads(text))
    (container,) = by_kind["Deployment"]["spec"]["template"]["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"http": settings.listen[0].port, "metrics": settings.metrics_listen[0].port}
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert container["command"][:2] == ["sild", "ai-gateway"]
    assert CliRunner().invoke(cli, ["ai-gateway", "--help"]).exit_code == 0


def test_units_deny_all_but_what_they_name() -> None:
    def section(name: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for line in (
            (EXAMPLES / "systemd" / name).read_text().split("[Service]")[1].split("[Install]")[0].splitlines()
        ):
            key, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                found.setdefault(key, []).append(value)
        return found

    gateway, others = section("sild-ai-gateway.service"), section("10-sild-within.conf")
    assert gateway["IPAddressDeny"] == others["IPAddressDeny"] == ["any"]

    def reaches(unit: dict[str, list[str]]) -> bool:
        named = [each for each in unit["IPAddressAllow"] if each != "localhost"]
        return any(ip_address(PROVIDER) in ip_network(each) for each in named)

    assert reaches(gateway) and not reaches(others)
    assert "sild ai-gateway --config" in gateway["ExecStart"][0]


def test_no_local_model_among_the_locked_packages() -> None:
    """It takes minutes to build; `make lock` leaves it out."""
    root = EXAMPLES.parent
    assert "llama" not in (root / "requirements.lock").read_text()
    assert "--no-extra local-model" in (root / "Makefile").read_text()
