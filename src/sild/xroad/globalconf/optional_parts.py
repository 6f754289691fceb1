"""The optional configuration parts (PR-GCONF 4.4): who may monitor, how often OCSP is asked, whether nextUpdate counts."""

from __future__ import annotations

from datetime import timedelta

from sild.errors import CallerError
from sild.xroad.globalconf.documents import (
    IDENTIFIERS_NS,
    XROAD_NS,
    client_id_of_element,
    parse_document,
    render_client_id,
    require_conformity,
    text_of,
)
from sild.xroad.identifiers import ClientId

__all__ = [
    "parse_fetch_interval",
    "parse_monitoring",
    "parse_next_update",
    "render_fetch_interval",
    "render_monitoring",
    "render_next_update",
]

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_START = f'{_DECLARATION}<ns3:conf xmlns:ns2="{IDENTIFIERS_NS}" xmlns:ns3="{XROAD_NS}">\n'


def parse_monitoring(xml: bytes) -> ClientId | None:
    """MONITORING: the client who may query every server's monitoring data. Raises PeerError (`malformed_global_conf`)."""
    root = parse_document(xml, "conf")
    require_conformity(root, "monitoring-conf.xsd")
    element = root.find("monitoringClient/monitoringClientId")
    return None if element is None else client_id_of_element(element)


def parse_fetch_interval(xml: bytes) -> timedelta:
    """FETCHINTERVAL. Raises PeerError (`malformed_global_conf`)."""
    root = parse_document(xml, "conf")
    require_conformity(root, "ocsp-fetchinterval-conf.xsd")
    return timedelta(seconds=int(text_of(root, "ocspFetchInterval")))


def parse_next_update(xml: bytes) -> bool:
    """NEXTUPDATE: is nextUpdate of an OCSP response checked? Raises PeerError (`malformed_global_conf`)."""
    root = parse_document(xml, "conf")
    require_conformity(root, "ocsp-nextupdate-conf.xsd")
    return text_of(root, "verifyNextUpdate").strip() in ("true", "1")


def render_monitoring(client: ClientId | None) -> bytes:
    inner = "" if client is None else render_client_id("monitoringClientId", client, "        ")
    return f"{_START}    <monitoringClient>\n{inner}    </monitoringClient>\n</ns3:conf>\n".encode()


def render_fetch_interval(interval: timedelta) -> bytes:
    seconds = int(interval.total_seconds())
    if not 0 < seconds < 2**31:
        raise CallerError("the OCSP fetch interval is 1 s or more", code="bad_request")
    return f"{_START}    <ocspFetchInterval>{seconds}</ocspFetchInterval>\n</ns3:conf>\n".encode()


def render_next_update(check: bool) -> bytes:
    value = "true" if check else "false"
    return f"{_START}    <verifyNextUpdate>{value}</verifyNextUpdate>\n</ns3:conf>\n".encode()
