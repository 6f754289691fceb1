"""The configuration source as clients meet it: paths, versions, spelling (COMPAT I8)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from sild.central_server import CentralServer, configuration_app
from support.asgi import Site, serving


@pytest.fixture(scope="module")
def client(module_server: CentralServer) -> Iterator[Site]:
    module_server.publish()
    with serving(configuration_app(module_server.public_directory)) as site:
        yield site


@pytest.mark.parametrize("source", ["internalconf", "externalconf"])
@pytest.mark.parametrize("version", range(2, 7))
def test_every_version_of_both_sources(client: Site, source: str, version: int) -> None:
    response = client.get(f"/{source}?version={version}")
    assert response.status == 200
    assert response.headers["cache-control"] == "no-cache"
    assert f"\r\nVersion: {version}\r\n" in response.text
    # one client in daily use reads the directory with this expression, case and all
    found = re.findall(r"Content-location: (/V\d+/\d+/(shared|private)-params\.xml)\r\n", response.text)
    assert len(found) == (2 if source == "internalconf" else 1)
    for location, _ in found:
        assert client.get(location).body.startswith(b"<?xml")


@pytest.mark.parametrize("query", ["", "?version=", "?version=x", "?other=6", "?version=4&version=2"])
def test_without_a_number_it_is_version_2(client: Site, query: str) -> None:
    assert "\r\nVersion: 2\r\n" in client.get(f"/internalconf{query}").text


@pytest.mark.parametrize("version", ["1", "7", "0", "06", "99999999999999999999"])
def test_a_version_that_is_not_published(client: Site, version: str) -> None:
    assert client.get(f"/internalconf?version={version}").status == 404


def test_head_gives_the_length(client: Site) -> None:
    response = client.request("HEAD", "/internalconf?version=6")
    assert response.status == 200
    assert int(response.headers["content-length"]) == len(client.get("/internalconf?version=6").body)


def test_no_wsdl_without_the_services_address(client: Site) -> None:
    assert client.get("/managementservices.wsdl").status == 404


def test_other_methods(client: Site) -> None:
    assert client.request("POST", "/internalconf").status == 405


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/V6/",
        "/V6/internalconf",
        "/V6/20990101000000000000000/shared-params.xml",
        "/V6/../../keys/softtoken.p12",
        "/V6/%2e%2e/%2e%2e/keys/softtoken.p12",
        "/V6/20990101000000000000000/..%2f..%2fkeys",
        "/current/V6/internalconf",
        "/generations",
        "/.lock",
    ],
)
def test_nothing_else_is_served(client: Site, path: str) -> None:
    assert client.get(path).status == 404


def test_before_the_first_generation(central_server: CentralServer) -> None:
    with serving(configuration_app(central_server.public_directory)) as site:
        assert site.get("/internalconf?version=6").status == 404
