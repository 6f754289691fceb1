"""Every setting of every process stands in its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sild.acme_client import AcmeClientSettings
from sild.ai_gateway import ProviderProfile, ProviderSettings
from sild.op_monitor import MonitoringRules
from sild.portal import CaseOptions
from sild.processes.ai_gateway import AIGatewaySettings
from sild.processes.asgi import ExchangeListen
from sild.processes.central_server import CentralServerSettings
from sild.processes.identity import IdentitySettings, RightsSettings, RightsSource
from sild.processes.op_monitor import OpMonitorSettings
from sild.processes.own_server import OwnServerTls
from sild.processes.portal import DecisionSettings, PortalProcessSettings, SigningSettings
from sild.processes.registry import RegistrySettings
from sild.processes.security_server import SecurityServerProcessSettings
from sild.processes.trust import AcmeSettings, TrustSettings
from sild.settings import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "settings"),
    [
        ("processes.md", SecurityServerProcessSettings),
        ("central_server.md", CentralServerSettings),
        ("trust_services.md", TrustSettings),
        ("registries.md", RegistrySettings),
        ("portal.md", PortalProcessSettings),
        ("portal.md", CaseOptions),
        ("portal.md", DecisionSettings),
        ("portal.md", SigningSettings),
        ("portal.md", OwnServerTls),
        ("portal.md", ExchangeListen),
        ("identity_provider.md", IdentitySettings),
        ("identity_provider.md", RightsSettings),
        ("identity_provider.md", RightsSource),
        ("acme.md", AcmeClientSettings),
        ("acme.md", AcmeSettings),
        ("ai_gateway.md", AIGatewaySettings),
        ("ai_gateway.md", ProviderSettings),
        ("ai_gateway.md", ProviderProfile),
        ("op_monitor.md", OpMonitorSettings),
        ("op_monitor.md", MonitoringRules),
    ],
)
def test_every_setting_is_documented(page: str, settings: type[Settings]) -> None:
    text = (DOCS / page).read_text()
    in_prose, in_toml = (
        re.findall(r"`\[?(\w+)", text),
        re.findall(r"(?:^|# |or |\[)(\w+)\]{0,2} *(?:=|$|#)", text, re.M),
    )
    named = {*in_prose, *in_toml}
    assert sorted(settings.model_fields.keys() - named - {"log_level"}) == []
