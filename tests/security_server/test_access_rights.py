"""Rights by endpoint (WIRE 11.5): globs, decoding, and the paths that could slip past them."""

from __future__ import annotations

import pytest

from sild.security_server.access_rights import (
    AccessRights,
    EndpointRule,
    compile_path_glob,
    normalise_path,
)
from sild.xroad.identifiers import ClientId, GlobalGroupId

ALICE = ClientId("DEV", "COM", "1", "Alice")
BOB = ClientId("DEV", "COM", "2", "Bob")
GROUP = GlobalGroupId("DEV", "friends")


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("/pets", "/pets", True),
        ("/pets", "/pets/", False),
        ("/pets/*", "/pets/1", True),
        ("/pets/*", "/pets/", True),
        ("/pets/*", "/pets/1/2", False),
        ("/pets/**", "/pets/1/2", True),
        ("/foo/*/bar", "/foo/zyggy/bar", True),
        ("/foo/*/bar", "/foo/zyggy/quux/bar", False),
        ("/foo/**bar", "/foo/whatever//bar", True),
        ("/foo/***bar", "/foo/a/bar", True),
        (r"/a\*b", "/a*b", True),
        (r"/a\*b", "/axb", False),
        (r"/a\\b", r"/a\b", True),
        (r"/a\b", r"/a\b", True),
        ("/a.b", "/axb", False),
        ("/(x|y)", "/x", False),
        ("**", "", True),
    ],
)
def test_path_glob(glob: str, path: str, matches: bool) -> None:
    assert (compile_path_glob(glob).fullmatch(path) is not None) is matches


@pytest.mark.parametrize(
    ("path", "readings"),
    [
        ("", [""]),
        ("/cats%20x", ["/cats x"]),
        ("/a%2Fb", ["/a%2Fb", "/a/b"]),
        ("/a%2fb", ["/a%2Fb", "/a/b"]),
        ("/a%5Cb", ["/a\\b", "/a/b"]),
        ("/a;v=1/b", ["/a;v=1/b", "/a/b"]),
        ("/a%3Bv", ["/a;v"]),
        ("/a%2F;x%2F", ["/a%2F;x%2F", "/a/;x/", "/a/"]),
        ("/%C3%B6", ["/ö"]),
        ("/o%CC%88", ["/o\u0308"]),
        ("//a///b", ["/a/b"]),
        ("/a/./b/.", ["/a/b/"]),
        ("/A", ["/A"]),
        ("/..", []),
        ("/a/../b", []),
        ("/a/%2e%2e/b", []),
        ("/a/%2E./b", []),
        ("/a/%252e%252e/b", []),
        ("/a/.;x./b", ["/a/.;x./b", "/a/b"]),
        ("/%FF", []),
        ("/%C0%AF", []),
    ],
)
def test_readings_of_a_path(path: str, readings: list[str]) -> None:
    assert list(normalise_path(path)) == readings


@pytest.mark.parametrize(
    ("glob", "path", "allowed"),
    [
        ("/people/*", "/people/1", True),
        ("/people/*", "/people/1%2Fsecrets", False),  # an ASGI service routes it to /people/{id}/secrets
        ("/people/*/secrets", "/people/1%2Fsecrets", False),
        ("/people/**", "/people/1%2Fsecrets", True),
        ("/people/*", "/people/1%5Csecrets", False),
        ("/reports/*.pdf", "/reports/1;.pdf", False),  # a servlet container routes it to /reports/{id}
        ("/reports/*", "/reports/1;.pdf", True),
        ("/people/*", "/people/1%252Fsecrets", False),  # a service that decodes twice
        ("/people", "/people/", False),
        ("/people", "/PEOPLE", False),
        ("/people", "/people?", False),
        ("/caf\u00e9", "/cafe%CC%81", False),
        ("/people/", "/people", False),
        ("", "", True),
        ("**", "/%FF", False),
    ],
)
def test_a_right_covers_every_reading(glob: str, path: str, allowed: bool) -> None:
    rights = AccessRights({ALICE: (EndpointRule("GET", glob),)})
    assert rights.allows(ALICE, "GET", path, in_global_group=lambda *_: False) is allowed


def test_right_by_client_method_and_path() -> None:
    rights = AccessRights({ALICE: (EndpointRule("GET", "/people/*"),)})

    def allows(client: ClientId, method: str, path: str) -> bool:
        return rights.allows(client, method, path, in_global_group=lambda *_: False)

    assert allows(ALICE, "GET", "/people/38001085718")
    assert not allows(ALICE, "POST", "/people/38001085718")
    assert not allows(ALICE, "GET", "/people/1/secrets")
    assert not allows(ALICE, "GET", "/people/1%2Fsecrets/x")
    assert not allows(ALICE, "GET", "/people/..%2Fadmin")
    assert not allows(BOB, "GET", "/people/1")


def test_right_by_global_group() -> None:
    rights = AccessRights({}, ((GROUP, (EndpointRule("*", "**"),)),))
    members = {BOB}
    assert rights.allows(BOB, "PATCH", "/x", in_global_group=lambda group, c: group == GROUP and c in members)
    assert not rights.allows(ALICE, "GET", "/x", in_global_group=lambda group, c: c in members)


def test_whole_service_right_does_not_cover_dot_dot() -> None:
    rights = AccessRights({ALICE: (EndpointRule("*", "**"),)})
    assert not rights.allows(ALICE, "GET", "/a/../b", in_global_group=lambda *_: False)
