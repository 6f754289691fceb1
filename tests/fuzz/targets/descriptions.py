"""What members hand in: descriptions of services, monitoring questions and records, settings of ACME, screens, events."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import yaml

from fuzz.target import Target, content_type_first
from fuzz.targets.exchange import SOAP
from sild.acme_client.configuration import read_acme_yml, read_mail_yml
from sild.catalogue import parse_screen
from sild.errors import PeerError, PlatformError
from sild.events import parse_event
from sild.op_monitor.criteria import parse_health_filter, parse_search_criteria
from sild.op_monitor.records import parse_records
from sild.op_monitor.remote import parse_answer
from sild.security_server.metaservices import anonymised_openapi
from sild.security_server.openapi import parse_openapi
from sild.security_server.wsdl import anonymised_wsdl, parse_wsdl
from sild.xroad.faults import Fault
from sild.xroad.management import management_services_wsdl
from sild.xroad.soap import parse_soap

OPENAPI = {
    "openapi": "3.0.3",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "{scheme}://h/v1", "variables": {"scheme": {"default": "https"}}}],
    "paths": {"/pets/{id}": {"get": {"responses": {}}, "post": {}}, "/a*b": {"put": None}},
}
OM = "http://x-road.eu/xsd/op-monitoring.xsd"
CRITERIA = (
    "<p:searchCriteria><p:recordsFrom>1</p:recordsFrom><p:recordsTo>2</p:recordsTo><p:client>"
    "<i:xRoadInstance>DEV</i:xRoadInstance><i:memberClass>COM</i:memberClass><i:memberCode>1</i:memberCode></p:client>"
    "</p:searchCriteria><p:outputSpec><p:outputField>succeeded</p:outputField></p:outputSpec>"
)
FILTER = "<p:filterCriteria><p:client><i:xRoadInstance>DEV</i:xRoadInstance></p:client></p:filterCriteria>"
RECORD = {
    "securityServerInternalIp": "192.168.0.1",
    "securityServerType": "Client",
    "requestInTs": 1,
    "responseOutTs": 2,
    "succeeded": True,
    "clientXRoadInstance": "DEV",
    "statusCode": 200,
    "faultString": "x",
}
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/register",
    "type": "birth",
    "subject": "x",
    "time": "2026-03-02T08:00:00Z",
    "datacontenttype": "application/json",
    "data": {"a": [1]},
    "requestid": "r",
}
ACME_YML = b"""contacts:
  "DEV:GOV:1": mailto:a@example.org
eab-credentials:
  certificate-authorities:
    Test CA:
      mac-key-base64-encoded: true
      members:
        "DEV:GOV:1":
          kid: k1
          mac-key: c2VjcmV0c2VjcmV0c2VjcmV0
account-keystore-password: p
"""
MAIL_YML = (
    b"host: mail.example\nport: 587\nusername: u\npassword: p\nuse-ssl-tls: true\ncontacts:\n  a: b@c\n"
)


def _text(text: str) -> dict[str, str]:
    return {"et": text, "vi": text, "en": text}


SCREEN: dict[str, Any] = {
    "id": "birth.choose_name",
    "version": 1,
    "role": "parent",
    "title": _text("Choose a name"),
    "components": [
        {"kind": "facts", "of": "child", "concepts": ["person.date_of_birth"]},
        {"kind": "text", "name": "names", "concept": "child.chosen_names", "label": _text("Name"), "max_length": 50},
        {"kind": "yes_no", "name": "wants", "concept": "child.wish", "label": _text("Place?")},
        {"kind": "date", "name": "day", "concept": "child.from", "label": _text("From"), "only_if": {"field": "wants", "value": "yes"}},
    ],
    "actions": [{"name": "DECLARE", "label": _text("Send")}],
}  # fmt: skip


def _question(code: str, body: str) -> bytes:
    child = f'<p:{code} xmlns:p="{OM}">{body}</p:{code}>'.encode()
    start, end = SOAP.index(b"<p:get"), SOAP.index(b"</s:Body>")
    return SOAP.replace(b">get<", f">{code}<".encode())[: start + len(code) - 3] + child + SOAP[end:]


def _asked(data: bytes) -> None:
    message = parse_soap(data)
    for read in (parse_search_criteria, parse_health_filter) if not isinstance(message, Fault) else ():
        with suppress(PlatformError):
            read(message)


def _answers() -> list[bytes]:
    soap = SOAP.replace(b"p:get", b"p:getSecurityServerOperationalDataResponse")
    parts = (
        b"--b\r\ncontent-type: text/xml\r\n\r\n"
        + soap
        + b"\r\n--b\r\ncontent-type: application/gzip\r\n\r\nx\r\n--b--"
    )
    return [b'multipart/related; type="text/xml"; boundary=b\n' + parts, b"text/xml\n" + soap]


def _wsdl(data: bytes) -> None:
    parse_wsdl(data)
    anonymised_wsdl(data)


def _openapi(data: bytes) -> None:
    anonymised_openapi(data, is_json=len(data) % 2 == 0)
    parse_openapi(data, description_url="https://h/openapi.yaml")


DIRECTORY = Path(mkdtemp(prefix="sild-fuzz-"))


def _settings(data: bytes) -> None:
    path = DIRECTORY / "acme.yml"
    path.write_bytes(data)
    for read in (read_acme_yml, read_mail_yml):
        with suppress(PlatformError):
            read(path)


def _screen(data: bytes) -> None:
    """As whoever packs a service hands it in: JSON first."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise PeerError("no JSON") from None
    parse_screen(content)


def _dumped(document: object) -> bytes:
    return json.dumps(document).encode()


TARGETS = (
    Target("wsdl", "xml", _wsdl, lambda: [management_services_wsdl("http://h/")], ["services/*.wsdl"], max_bytes=256 * 1024),
    Target(
        "openapi",
        "json",
        _openapi,
        lambda: [_dumped(OPENAPI), yaml.safe_dump(OPENAPI).encode()],
        ["services/*.yaml", "services/*.json"],
    ),
    Target(
        "monitoring_question",
        "xml",
        _asked,
        lambda: [
            _question("getSecurityServerOperationalData", CRITERIA),
            _question("getSecurityServerHealthData", FILTER) + b" ",
        ],
    ),
    Target("monitoring_records", "json", parse_records, lambda: [_dumped({"records": [RECORD, RECORD]})]),
    Target("monitoring_answer", "mime", lambda data: parse_answer(*content_type_first(data)), _answers),
    Target("event", "json", parse_event, lambda: [_dumped(EVENT)]),
    Target("screen", "json", _screen, lambda: [_dumped(SCREEN)]),
    # an administrator's own file, and small: PyYAML takes a millisecond for a hundred bytes
    Target("acme_yml", "lines", _settings, lambda: [ACME_YML, MAIL_YML], max_bytes=2048),
)  # fmt: skip
