"""The server configuration: each change audited in its transaction, visible in the next snapshot, refused whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sild.database import sqlite_url
from sild.errors import CallerError
from sild.security_server.serverconf import ServerConf
from sild.security_server.snapshot import ClientStatus, ConnectionType, ServiceType
from sild.xroad.identifiers import ClientId, GlobalGroupId, SecurityServerId, ServiceId

OWNER = ClientId("DEV", "COM", "1")
SERVER = SecurityServerId(OWNER, "SS1")
PROVIDER = ClientId("DEV", "COM", "1", "Register")
CALLER = ClientId("DEV", "GOV", "2", "s%2:/ub")  # an old identifier that may still be met

OPENAPI = b"""
openapi: 3.0.3
info: {title: People, version: "1"}
servers: [{url: "{scheme}://127.0.0.1:9/people/", variables: {scheme: {default: http}}}]
paths:
  /people/{code}: {get: {}, delete: {}}
  /people: {post: {}}
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "serverconf.db")


@pytest.fixture
def conf(url: str) -> Iterator[ServerConf]:
    serverconf = ServerConf(url, SERVER)
    yield serverconf
    serverconf.close()


def in_no_group(_group: GlobalGroupId, _client: ClientId) -> bool:
    return False


def test_clients_services_and_rights(conf: ServerConf) -> None:
    conf.add_client(PROVIDER, status=ClientStatus.REGISTERED, connection_type=ConnectionType.HTTP)
    service = conf.add_rest_service(PROVIDER, "echo", "https://127.0.0.1:1/")
    conf.grant(service, CALLER, method="get", path="/a/*")
    before = conf.snapshot
    found = before.services[ServiceId(PROVIDER, "echo")]
    assert before.is_registered(PROVIDER)
    assert (found.service_type, found.verify_tls, found.timeout) == (ServiceType.REST, True, 60)
    assert found.rights.allows(CALLER, "GET", "/a/1", in_global_group=in_no_group)
    conf.revoke(service, CALLER, method="GET", path="/a/*")
    after = conf.snapshot.services[service]
    assert not after.rights.allows(CALLER, "GET", "/a/1", in_global_group=in_no_group)
    assert found.rights.allows(CALLER, "GET", "/a/1", in_global_group=in_no_group), "a snapshot never changes"


def test_local_group_members_have_the_groups_rights(conf: ServerConf) -> None:
    conf.add_client(PROVIDER)
    service = conf.add_rest_service(PROVIDER, "echo", "http://127.0.0.1:1/")
    group = conf.add_local_group(PROVIDER, "friends", "Friends", [CALLER])
    conf.grant(service, group)
    assert conf.snapshot.services[service].rights.allows(CALLER, "PUT", "/x", in_global_group=in_no_group)
    conf.remove_local_group_members(PROVIDER, group, [CALLER])
    assert not conf.snapshot.services[service].rights.allows(CALLER, "PUT", "/x", in_global_group=in_no_group)


def test_openapi_service_has_its_endpoints(conf: ServerConf) -> None:
    conf.add_client(PROVIDER)
    service = conf.add_openapi_service(PROVIDER, "people", "http://127.0.0.1:9/openapi.yaml", OPENAPI)
    found = conf.snapshot.services[service]
    assert found.url == "http://127.0.0.1:9/people/"
    assert found.endpoints == (
        ("*", "**"),
        ("GET", "/people/*"),
        ("DELETE", "/people/*"),
        ("POST", "/people"),
    )
    conf.grant(service, CALLER, method="DELETE", path="/people/*")
    conf.add_endpoint(service, "PATCH", "/by-hand")
    conf.refresh_openapi_service(service, OPENAPI.replace(b", delete: {}", b""))
    refreshed = conf.snapshot.services[service]
    assert ("DELETE", "/people/*") not in refreshed.endpoints
    assert ("PATCH", "/by-hand") in refreshed.endpoints
    assert not refreshed.rights.allows(CALLER, "DELETE", "/people/1", in_global_group=in_no_group)


def test_audit_row_per_change_and_none_for_a_refused_one(conf: ServerConf) -> None:
    conf.acting_as("maria").add_client(PROVIDER)
    with pytest.raises(CallerError):
        conf.add_client(PROVIDER)
    with pytest.raises(CallerError, match="no client"):
        conf.grant(ServiceId(CALLER, "echo"), PROVIDER)
    rows = conf.audit_rows()
    assert [(row.actor, row.event) for row in rows] == [("system", "INITIALISE"), ("maria", "ADD_CLIENT")]
    assert rows[1].values == {"client": "DEV/COM/1/Register", "status": "saved", "connection": "SSLAUTH"}


def test_another_process_sees_the_change(conf: ServerConf, url: str) -> None:
    other = ServerConf(url, SERVER)
    assert not other.reload_if_changed()
    conf.add_client(PROVIDER, status=ClientStatus.REGISTERED)
    assert other.reload_if_changed()
    assert other.snapshot.is_registered(PROVIDER)
    other.close()


def test_database_of_another_server_is_refused(conf: ServerConf, url: str) -> None:
    with pytest.raises(CallerError) as caught:
        ServerConf(url, SecurityServerId(OWNER, "SS2"))
    assert caught.value.code == "malformed_server_conf"


def test_removed_client_takes_everything_with_it(conf: ServerConf) -> None:
    conf.add_client(PROVIDER)
    service = conf.add_rest_service(PROVIDER, "echo", "http://127.0.0.1:1/")
    conf.grant(service, CALLER)
    conf.add_certificate(PROVIDER, b"der")
    conf.remove_client(PROVIDER)
    assert not conf.snapshot.clients
    assert not conf.snapshot.services


@pytest.mark.parametrize(
    "description",
    [
        b"",
        b"{",
        b"[]",
        b"swagger: '2.0'",
        b"openapi: 3.0.0\npaths: {people: {get: {}}}\nservers: [{url: 'http://h/'}]",
        b"openapi: 3.0.0\nservers: [{url: 'file:///etc/passwd'}]",
        b"openapi: 3.0.0\nx: &a [1]\ny: *a\n",
        b"!!python/object/apply:os.system ['true']",
        b"[" * 100_000,
    ],
)
def test_bad_openapi_description_is_refused(conf: ServerConf, description: bytes) -> None:
    conf.add_client(PROVIDER)
    with pytest.raises(CallerError):
        conf.add_openapi_service(PROVIDER, "people", "http://127.0.0.1:9/openapi.yaml", description)
    assert not conf.snapshot.services


def test_what_is_there_already_is_named(conf: ServerConf) -> None:
    conf.add_client(PROVIDER)
    with pytest.raises(CallerError, match="of DEV/COM/1/Register: it is here already"):
        conf.add_client(PROVIDER)


def test_many_rights_are_one_change(conf: ServerConf) -> None:
    conf.add_client(PROVIDER, status=ClientStatus.REGISTERED, connection_type=ConnectionType.HTTP)
    service = conf.add_openapi_service(PROVIDER, "people", "http://127.0.0.1:9/openapi.json", OPENAPI)
    before, audited = conf.snapshot.change, len(conf.audit_rows())
    conf.grant_all(service, [(CALLER, "GET", "/people/*"), (OWNER, "POST", "/people")])
    assert conf.snapshot.change == before + 1
    row = conf.audit_rows()[audited]
    assert row.event == "GRANT_ALL" and [right["path"] for right in row.values["rights"]] == [
        "/people/*",
        "/people",
    ]
    rights = conf.snapshot.services[service].rights
    assert [rule.path for rule in rights.by_client[CALLER]] == ["/people/*"]
    with pytest.raises(CallerError):
        conf.grant_all(service, [(CALLER, "DELETE", "/people/*"), (OWNER, "GET", "people")])
    assert conf.snapshot.services[service].rights == rights, "all of them or none"
    conf.grant_all(service, [])
    assert conf.snapshot.change == before + 1
