"""Services by their published descriptions: fetched, added, refreshed (UG-SS 6.1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_wsdl import binding, port, wsdl
from world import CLIENT, REGISTER, World

from sild.errors import CallerError, PeerError, Unavailable
from sild.http1 import Request, Responder, information_system_server_context
from sild.security_server import SecurityServer, ServiceType
from sild.xroad.identifiers import ServiceId


class Publisher:
    """Serves one document."""

    def __init__(self, document: bytes) -> None:
        self.document = document
        self.status = 200

    async def __call__(self, request: Request, responder: Responder) -> None:
        await responder.send(self.status, [(b"Content-Type", b"text/xml")], self.document)


FIRST = wsdl(binding("A", "get@v1", "get@v1b".replace("get", "put")), ports=port("A", "http://a/x"))
SECOND = wsdl(binding("A", "get@v1", "list"), ports=port("A", "https://b/y"))


@pytest.fixture
async def server(world: World) -> SecurityServer:
    return (await world.add_server("ss2", "2", [REGISTER])).server


def services(server: SecurityServer) -> dict[str, str]:
    return {
        f"{one.service_code}.{one.service_version or ''}": conf.url
        for one, conf in server.serverconf.snapshot.services.items()
    }


async def test_wsdl_is_added_and_refreshed(world: World, server: SecurityServer) -> None:
    publisher = Publisher(FIRST)
    url = await world.serve(publisher) + "/service?wsdl"
    descriptions = server.descriptions("maria")
    added = await descriptions.add_wsdl(REGISTER, url)
    assert services(server) == {"get.v1": "http://a/x", "put.v1b": "http://a/x"}
    for service in added:
        server.serverconf.grant(service, CLIENT)
    get, _ = added
    server.serverconf.update_service(get, url="http://moved/", timeout=5)
    publisher.document = SECOND
    await descriptions.refresh(get)
    assert services(server) == {"get.v1": "http://moved/", "list.": "https://b/y"}
    conf = server.serverconf.snapshot.services
    assert CLIENT in conf[get].rights.by_client
    assert conf[get].timeout == 5
    new = conf[ServiceId(REGISTER, "list")]
    assert (new.service_type, new.verify_tls, new.rights.by_client) == (ServiceType.WSDL, True, {})
    assert {
        row.actor for row in server.serverconf.audit_rows() if "WSDL" in row.event or "REFRESH" in row.event
    } == {"maria"}


async def test_rights_of_a_version_that_stays(world: World, server: SecurityServer) -> None:
    """Rights are on the service code: removing one version leaves them to the other."""
    conf = server.serverconf
    old, new = (
        conf.add_soap_service(REGISTER, "get", version, "http://w/", "http://a/") for version in ("v1", "v2")
    )
    conf.grant(new, CLIENT)
    conf.remove_service(old)
    assert CLIENT in conf.snapshot.services[new].rights.by_client
    conf.remove_service(new)
    again = conf.add_soap_service(REGISTER, "get", "v2", "http://w/", "http://a/")
    assert conf.snapshot.services[again].rights.by_client == {}


async def test_openapi_is_added_and_refreshed(world: World, server: SecurityServer) -> None:
    publisher = Publisher(
        b'{"openapi": "3.0.0", "servers": [{"url": "http://p/"}], "paths": {"/a": {"get": {}}}}'
    )
    url = await world.serve(publisher) + "/openapi.json"
    service = await server.descriptions().add_openapi(REGISTER, "people", url)
    assert ("GET", "/a") in server.serverconf.snapshot.services[service].endpoints
    publisher.document = publisher.document.replace(b"/a", b"/b")
    await server.descriptions().refresh(service)
    assert ("GET", "/b") in server.serverconf.snapshot.services[service].endpoints


async def test_publisher_over_https(world: World, server: SecurityServer) -> None:
    """Any certificate will do for a description; the service's own is another matter."""
    credential = world.pki.tls_credential()
    context = information_system_server_context()
    context.use_key(credential.key, [credential.certificate])
    url = await world.serve(Publisher(FIRST), tls=lambda: context)
    assert len(await server.descriptions().add_wsdl(REGISTER, url)) == 2


@pytest.fixture
def unchanged(server: SecurityServer) -> Iterator[None]:
    before = server.serverconf.snapshot.services
    yield
    assert server.serverconf.snapshot.services == before


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"<html/>", "bad_request"),
        (wsdl(ports=""), "bad_request"),
        (wsdl(binding("A", "ok", "a:b"), ports=port("A", "http://a/")), "bad_request"),
        (wsdl(binding("A", "ok", "a@v%1"), ports=port("A", "http://a/")), "bad_request"),
        (wsdl(binding("A", "ok"), ports=port("A", "ftp://a/")), "service_malformed_url"),
        (wsdl(binding("A", "ok"), ports='<w:port name="p" binding="t:A"/>'), "service_malformed_url"),
    ],
)
@pytest.mark.usefixtures("unchanged")
async def test_descriptions_that_are_refused(
    world: World, server: SecurityServer, document: bytes, code: str
) -> None:
    url = await world.serve(Publisher(document))
    with pytest.raises(CallerError) as refused:
        await server.descriptions().add_wsdl(REGISTER, url)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "name", ["invalid-servicecode-colon", "invalid-serviceurl", "invalid-serviceversion-percent"]
)
@pytest.mark.usefixtures("unchanged")
async def test_descriptions_of_the_reference(server: SecurityServer, shared: Path, name: str) -> None:
    data = (shared / "services" / f"{name}.wsdl").read_bytes()
    with pytest.raises(CallerError):
        server.serverconf.add_wsdl(REGISTER, "http://w/", data)


@pytest.mark.usefixtures("unchanged")
async def test_publisher_that_fails(world: World, server: SecurityServer) -> None:
    publisher = Publisher(FIRST)
    publisher.status = 404
    with pytest.raises(PeerError) as refused:
        await server.descriptions().add_wsdl(REGISTER, await world.serve(publisher))
    assert refused.value.code == "http_error"
    with pytest.raises(Unavailable):
        await server.descriptions().add_wsdl(REGISTER, "http://127.0.0.1:1/")
    publisher.status, publisher.document = 200, b" " * (11 * 1024 * 1024)
    with pytest.raises(PeerError):
        await server.descriptions().add_wsdl(REGISTER, await world.serve(publisher))


async def test_refresh_of_what_has_no_description(server: SecurityServer) -> None:
    service = server.serverconf.add_rest_service(REGISTER, "rest", "http://a/")
    with pytest.raises(CallerError):
        await server.descriptions().refresh(service)
    with pytest.raises(CallerError):
        await server.descriptions().refresh(ServiceId(REGISTER, "gone"))
    with pytest.raises(CallerError):
        server.serverconf.refresh_wsdl(REGISTER, "http://unknown/", FIRST)
