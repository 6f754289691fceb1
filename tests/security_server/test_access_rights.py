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
    ("path", "normal"),
    [
        ("", ""),
        ("/cats%20x", "/cats x"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a%2fb", "/a%2Fb"),
        ("/%C3%B6", "/ö"),
        ("//a///b", "/a/b"),
        ("/a/./b/.", "/a/b/"),
        ("/..", None),
        ("/a/../b", None),
        ("/a/%2e%2e/b", None),
        ("/a/%2E./b", None),
        ("/a/%252e%252e/b", None),
        ("/%FF", None),
    ],
)
def test_normalised_path(path: str, normal: str | None) -> None:
    assert normalise_path(path) == normal


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
