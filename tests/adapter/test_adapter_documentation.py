"""docs/adapter.md: its snippets run, in order, against a running nation; its tables are the code's."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sild.adapter import CallContext, ClientId, Retries, ServiceId, Timeouts
from sild.adapter.context import HEADER_NAMES
from sild.adapter.options import RestOptions
from sild.adapter.provider import TITLES
from sild.adapter.retries import __doc__ as retry_rule
from sild.asgi import serve_application
from sild.http1 import Request, Responder, fetch, serve
from sild.pki import der
from sild.pytest_plugin import RunningNation
from sild.security_server import ConnectionType
from support.pki import Pki

PAGE = Path(__file__).resolve().parents[2] / "docs/adapter.md"
TEXT = PAGE.read_text()


async def run(snippet: str, names: dict[str, Any]) -> None:
    code = compile(snippet, PAGE, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, names)
    if inspect.isawaitable(running):
        await running


async def test_the_snippets(
    nation: RunningNation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    person, client = nation.people[0], ClientId.decode(nation.client)
    consumer, provider = nation.nation.consumer, nation.nation.provider
    credential = Pki().tls_credential()
    (tmp_path / "server.pem").write_bytes(consumer.internal_tls.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "client.pem").write_bytes(credential.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "client.key").write_bytes(
        credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    names: dict[str, Any] = {"code": person["code"], "__name__": "docs"}

    async def state(request: Request, responder: Responder) -> None:
        content_type = (request.header(b"content-type") or b"").decode()
        answer_type, body = names["answer_state"](content_type, await request.read(1_000_000))
        await responder.send(200, [(b"Content-Type", answer_type.encode())], body)

    soap = await serve(state, "127.0.0.1", 0)
    register = ClientId.parse("SILD:GOV:70000002:population")
    service = provider.serverconf.add_soap_service(
        register, "getState", "v1", "http://wsdl.test", f"http://127.0.0.1:{soap.port}"
    )
    provider.serverconf.grant(service, client)
    consumer.serverconf.add_certificate(client, der(credential.certificate))
    addresses = nation.description["security_servers"][1]["addresses"]
    snippets = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(snippets) > 10
    # What a SOAP service does is defined before it is called.
    snippets.sort(key=lambda snippet: "def answer_state" not in snippet)
    try:
        for snippet in snippets:
            here = snippet.replace("http://ss.example:8080", addresses["client_http"])
            here = here.replace("https://ss.example:8443", addresses["client_https"])
            kind = ConnectionType.HTTPS if "8443" in snippet else ConnectionType.HTTP
            consumer.serverconf.set_connection_type(client, kind)
            await run(here, names)
    finally:
        consumer.serverconf.set_connection_type(client, ConnectionType.HTTP)
        provider.serverconf.remove_service(service)
        await soap.close(1)
    printed = capsys.readouterr().out
    assert person["name"] in printed
    assert "server.serverproxy Request is not allowed" in printed
    assert "SILD:GOV:70000002:population answered before" in printed
    assert "EE38001085718</p:getStateResponse>" in printed
    assert sorted(path.suffix for path in tmp_path.glob("*.asice")) == [".asice", ".asice"]
    assert names["description"]["info"]["title"] == "Population register"
    await in_a_thread(nation, names, person)
    await called(names)


async def in_a_thread(nation: RunningNation, names: dict[str, Any], person: dict[str, str]) -> None:
    import asyncio

    assert await asyncio.to_thread(names["name_of"], person["code"]) == person["name"]


async def called(names: dict[str, Any]) -> None:
    """The FastAPI application of the page."""
    server = await serve_application(names["app"], "127.0.0.1", 0)
    try:
        headers = [(b"X-Road-Client", b"A/B/1/c"), (b"X-Road-Id", b"i"), (b"X-Road-Request-Id", b"r")]
        assert (await fetch(f"{server.url}/stations/x", headers=headers)).status == 200
        assert (await fetch(f"{server.url}/stations/x")).status == 400
        assert (await fetch(f"{server.url}/openapi.json")).status == 200
    finally:
        await server.close()


def test_every_header_stands_there() -> None:
    assert HEADER_NAMES.keys() == set(CallContext.__dataclass_fields__)
    for field, header in HEADER_NAMES.items():
        assert f"| `{field}` | `{header.decode()}` |" in TEXT


def test_every_problem_stands_there() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
    for code, (status, _title) in TITLES.items():
        assert any(f"`{code}`" in row and f"| {status} |" in row for row in rows), code


def test_every_option_stands_there() -> None:
    for option in (*RestOptions.__required_keys__, *RestOptions.__optional_keys__):
        assert f"`{option}" in TEXT, option
    for settings in (Retries, Timeouts):
        for field in settings.__dataclass_fields__:
            assert field in TEXT, field


def test_the_retry_rule_is_the_codes() -> None:
    rule = [line for line in (retry_rule or "").splitlines() if line.startswith("| ") and " again " in line]
    assert len(rule) == 4
    for line in rule:
        assert line in TEXT


def test_the_service_of_the_page() -> None:
    assert ServiceId(ClientId.parse("SILD:GOV:70000002:population"), "persons").encode() == (
        "SILD/GOV/70000002/population/persons"
    )
