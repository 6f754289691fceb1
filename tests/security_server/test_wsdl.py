"""WSDL descriptions: what is read of them, what is refused, what the world sees (UG-SS 6.1.1, PR-META)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import CallerError
from sild.security_server.wsdl import MAX_NAMES, WsdlOperation, anonymised_wsdl, parse_wsdl

SOAP_HTTP = "http://schemas.xmlsoap.org/soap/http"


def binding(name: str, *operations: str, transport: str = SOAP_HTTP, prefix: str = "soap") -> str:
    inner = "".join(
        f'<w:operation name="{operation.split("@")[0]}">{_version(operation)}</w:operation>'
        for operation in operations
    )
    return (
        f'<w:binding name="{name}" type="t:T"><{prefix}:binding transport="{transport}"/>{inner}</w:binding>'
    )


def _version(operation: str) -> str:
    version = operation.partition("@")[2]
    tag = f"<xrd:version> {version}\n</xrd:version>" if version else ""
    return f'<soap:operation soapAction=""/>{tag}<w:input><soap:body use="literal"/></w:input>'


def port(name: str, address: str, prefix: str = "soap") -> str:
    return f'<w:port name="p{name}" binding="t:{name}"><{prefix}:address location="{address}"/></w:port>'


def wsdl(*parts: str, ports: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<w:definitions targetNamespace="urn:t" xmlns:t="urn:t"'
        ' xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
        ' xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:http="http://schemas.xmlsoap.org/wsdl/http/"'
        ' xmlns:xrd="http://x-road.eu/xsd/xroad.xsd"><!-- kept -->'
        f'{"".join(parts)}<w:service name="s">{ports}</w:service></w:definitions>'
    ).encode()


def test_operations() -> None:
    data = wsdl(
        "<w:types><s:schema xmlns:s='urn:s'><s:element name='address' location='x'/></s:schema></w:types>",
        binding("A", "getPeople@v1", "getHouses"),
        binding("B", "put@v2", prefix="soap12"),
        binding("C", "unused"),
        binding("D", "smtp", transport="http://schemas.xmlsoap.org/soap/smtp"),
        '<w:binding name="E" type="t:T"><http:binding verb="GET"/><w:operation name="get"/></w:binding>',
        ports=port("A", "http://a/")
        + port("B", "https://b/x?y=1", "soap12")
        + port("D", "mailto:x")
        + '<w:port name="e" binding="t:E"><http:address location="http://e/"/></w:port>'
        + port("gone", "http://g/"),
    )
    assert parse_wsdl(data) == (
        WsdlOperation("getPeople", "v1", "http://a/"),
        WsdlOperation("getHouses", None, "http://a/"),
        WsdlOperation("put", "v2", "https://b/x?y=1"),
    )


def test_versions_and_repeated_operations() -> None:
    """One operation in two bindings: the later port's address counts, as in the reference."""
    data = wsdl(
        binding("A", "get@v1"),
        binding("B", "get@v1", "get2"),
        ports=port("A", "http://a/") + port("B", "http://b/"),
    )
    assert parse_wsdl(data) == (
        WsdlOperation("get", "v1", "http://b/"),
        WsdlOperation("get2", None, "http://b/"),
    )


def test_the_world_sees_no_addresses() -> None:
    data = wsdl(binding("A", "get"), ports=port("A", "http://10.0.0.1/secret") + port("A", "http://b/>"))
    shown = anonymised_wsdl(data)
    address = b'location="http://example.org/xroad-endpoint"'
    assert shown == data.replace(b'location="http://10.0.0.1/secret"', address).replace(
        b'location="http://b/>"', address
    )
    assert parse_wsdl(shown)[0].url == "http://example.org/xroad-endpoint"


def test_other_encodings() -> None:
    data = wsdl(binding("õ", "get"), ports=port("õ", "http://a/"))
    text = data.decode().replace("UTF-8", "ISO-8859-1")
    assert parse_wsdl(text.encode("iso-8859-1")) == parse_wsdl(data)
    assert anonymised_wsdl(text.encode("iso-8859-1")) == anonymised_wsdl(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not XML",
        b"<definitions/>",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>',
        b'<w:description xmlns:w="http://www.w3.org/ns/wsdl"/>',
        wsdl(binding("A", "get", "get"), ports=port("A", "http://a/")),
        wsdl("<a>" * 300 + "</a>" * 300, ports=""),
        b"\xff\xfe\x00",
        b" " * (10 * 1024 * 1024 + 1),
        wsdl("".join(f"<a{n}/>" for n in range(MAX_NAMES + 1)), ports=""),
    ],
    ids=range(10),
)
def test_what_is_no_wsdl(data: bytes) -> None:
    for read in (parse_wsdl, anonymised_wsdl):
        with pytest.raises(CallerError) as refused:
            read(data)
        assert refused.value.code == "bad_request"


def test_descriptions_of_the_reference(shared: Path) -> None:
    """Names and addresses are judged where they are added (test_descriptions.py); as WSDL they are read."""
    for path in sorted((shared / "services").glob("*.wsdl")):
        if path.name == "xxe.wsdl":
            with pytest.raises(CallerError):
                parse_wsdl(path.read_bytes())
        else:
            assert parse_wsdl(path.read_bytes()), path.name


def test_services_of_x_road_itself(shared: Path) -> None:
    data = (shared / "schema" / "op-monitoring" / "op-monitoring.wsdl").read_bytes()
    assert {one.code for one in parse_wsdl(data)} == {
        "getSecurityServerHealthData",
        "getSecurityServerOperationalData",
    }


WHOLE = wsdl(binding("A", "get@v1"), ports=port("A", "http://a/"))


@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)), st.binary(max_size=4))
def test_a_mangled_description_is_read_or_refused(start: int, end: int, new: bytes) -> None:
    for read in (parse_wsdl, anonymised_wsdl):
        try:
            read(WHOLE[:start] + new + WHOLE[end:])
        except CallerError as refused:
            assert refused.code == "bad_request"
