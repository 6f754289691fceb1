"""Questions to the monitoring services of a security server, as X-Road's own collectors put them."""

from __future__ import annotations

import gzip
import json
from typing import Any

from lxml import etree
from soap_world import CONSUMER, PRODUCER, SoapWorld, client_header, envelope

from sild.http1 import Fetched
from sild.xroad.identifiers import ClientId, ServiceId

OM = "http://x-road.eu/xsd/op-monitoring.xsd"
M = "http://x-road.eu/xsd/monitoring"
PREFIXES = {"om": OM, "m": M}
SOAP_BODY = "{http://schemas.xmlsoap.org/soap/envelope/}Body"


def question(
    code: str,
    body: str = "",
    *,
    namespace: str,
    client: ClientId = PRODUCER,
    provider: ClientId = PRODUCER,
    server: str | None = "ss2",
) -> bytes:
    """To the server ss2, unless another is named; None names none."""
    header = "" if server is None else client_header(PRODUCER, "securityServer", serverCode=server)
    data = envelope(client=client, service=ServiceId(provider, code), header=header, body=body)
    return data.replace(b"urn:producer", namespace.encode())


def operational(criteria: str, **given: Any) -> bytes:
    return question("getSecurityServerOperationalData", criteria, namespace=OM, **given)


def health(criteria: str = "", **given: Any) -> bytes:
    return question("getSecurityServerHealthData", criteria, namespace=OM, **given)


def metrics(*fields: str, **given: Any) -> bytes:
    wanted = "".join(f"<p:outputField>{name}</p:outputField>" for name in fields)
    body = f"<p:outputSpec>{wanted}</p:outputSpec>" if fields else ""
    return question("getSecurityServerMetrics", body, namespace=M, **given)


def since(first: int = 0, last: int = 4_000_000_000, more: str = "") -> str:
    return (
        f"<p:searchCriteria><p:recordsFrom>{first}</p:recordsFrom><p:recordsTo>{last}</p:recordsTo>"
        f"{more}</p:searchCriteria>"
    )


def body_of(soap: bytes) -> etree._Element:
    """The element in the Body."""
    body = etree.fromstring(soap).find(SOAP_BODY)
    assert body is not None
    return body[0]


def parts_of(answer: Fetched) -> tuple[bytes, list[dict[str, Any]]]:
    """SOAP message and records of an answer with operational data, cut as collectors cut it."""
    content_type = (answer.header(b"content-type") or b"").decode()
    assert content_type.startswith("multipart/related"), (content_type, answer.body)
    boundary = content_type.rpartition("boundary=")[2].strip('"').encode()
    _, soap, attachment, end = answer.body.split(b"--" + boundary)
    assert end.startswith(b"--")
    packed = attachment.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
    return soap.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n"), json.loads(gzip.decompress(packed))[
        "records"
    ]


async def make_traffic(soap: SoapWorld, number: int = 1, client: ClientId = CONSUMER) -> None:
    for _ in range(number):
        soap.service.answer = envelope(client=client, response=True), "text/xml; charset=UTF-8"
        assert b"getStateResponse" in (await soap.post(envelope(client=client))).body
