"""docs/running-it.md: an instance of five processes, composed by the page alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import randrange

import pytest

from sild.nation.layout import free_ports
from support.documented import DocumentedRun


@pytest.mark.slow
@pytest.mark.timeout(300)  # forty programs one after another: 41 s of processor
@pytest.mark.skipif(not all(map(shutil.which, ("curl", "openssl"))), reason="needs curl and openssl")
def test_the_page_makes_an_instance(tmp_path: Path) -> None:
    trust, central, registry, client, client_https, messages, ocsp = free_ports(7)
    ports = (
        f"client_http_port = {client}\nclient_https_port = {client_https}\nserver_proxy_port = {messages}\n"
        f"ocsp_responder_port = {ocsp}\npeer_server_proxy_port = {messages}\npeer_ocsp_responder_port = {ocsp}\n"
    )
    host = f"127.{randrange(1, 255)}.{randrange(1, 255)}.4"  # whose ports 4001 and 4002 nobody else has
    changes = {
        "8888": str(trust), "4080": str(central), "8000": str(registry), ":8080": f":{client}", "127.0.0.4": host,
    }  # fmt: skip
    with DocumentedRun(tmp_path, changes, {"ss1.toml": ports, "ss2.toml": ports}) as run:
        run.page("running-it.md")
        assert '"family_name":"Tamm"' in run.printed
        assert "VALID  request.asice" in run.printed
        assert "DEV:GOV:70000002:population:persons  OPENAPI3" in run.printed
        assert "DEV:GOV:70000001:Management:clientReg  WSDL" in run.printed
        assert "AUTH_CERT_REGISTRATION_REQUEST" in run.printed
        seal = (tmp_path / "registry" / "decisions-seal.pem").read_text()
        assert seal.count("BEGIN CERTIFICATE") == 2, "certified by the authority"
        private = [*tmp_path.glob("ss*/*.db"), *tmp_path.glob("ss*/token/*"), *tmp_path.glob("*.pi[n]")]
        assert len(private) > 12
        assert [path for path in private if path.stat().st_mode & 0o077] == []
