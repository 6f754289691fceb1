"""Where a configuration is asked from, in which order, in which version, and for whom: WIRE 13.2, 13.3 (4)."""

from pathlib import Path

import pytest

from sild.configuration_client.locations import FederationFilter, Location, download_locations, versioned_urls
from sild.xroad.globalconf import (
    AnchorSource,
    ConfigurationAnchor,
    ConfigurationSource,
    SharedParameters,
    parse_anchor,
    parse_shared_parameters,
)


def as_given(locations: list[Location]) -> None:
    pass


def backwards(locations: list[Location]) -> None:
    locations.reverse()


def urls(anchor: ConfigurationAnchor, held: SharedParameters | None = None, **options: object) -> list[str]:
    options = {"last_successful": None, "shuffle": as_given} | options
    return [location.url for location in download_locations(anchor, held, **options)]  # type: ignore[arg-type]


def anchor(*addresses: str) -> ConfigurationAnchor:
    return ConfigurationAnchor("DEV", tuple(AnchorSource(a, (b"anchor",)) for a in addresses))


def held(*addresses: str) -> SharedParameters:
    sources = tuple(ConfigurationSource(a, (b"internal " + a.encode(),), (b"external",)) for a in addresses)
    return SharedParameters("DEV", sources=sources)


def test_https_goes_first() -> None:
    assert urls(anchor("http://cs/internalconf", "https://other/internalconf")) == [
        "https://cs/internalconf",
        "https://other/internalconf",
        "http://cs/internalconf",
    ]


def test_a_port_speaks_what_the_anchor_says() -> None:
    assert urls(anchor("http://cs:8080/internalconf")) == ["http://cs:8080/internalconf"]
    assert urls(anchor("http://[::1]:8080/internalconf")) == ["http://[::1]:8080/internalconf"]
    assert urls(anchor("http://[::1]/internalconf"))[0] == "https://[::1]/internalconf"


def test_addresses_of_the_shared_parameters_go_before_the_anchors() -> None:
    assert urls(anchor("http://cs/internalconf"), held("a", "b")) == [
        "https://a/internalconf",
        "https://b/internalconf",
        "http://a/internalconf",
        "http://b/internalconf",
        "https://cs/internalconf",
        "http://cs/internalconf",
    ]


def test_those_of_equal_standing_are_shuffled() -> None:
    found = urls(
        anchor("http://x:1/internalconf", "http://y:1/internalconf"), held("a", "b"), shuffle=backwards
    )
    assert found == [
        "https://b/internalconf",
        "https://a/internalconf",
        "http://b/internalconf",
        "http://a/internalconf",
        "http://y:1/internalconf",
        "http://x:1/internalconf",
    ]


def test_the_last_successful_goes_first() -> None:
    known = anchor("http://x:1/internalconf", "http://y:1/internalconf")
    last = Location("http://y:1/internalconf", (b"anchor",))
    assert urls(known, last_successful=last)[0] == last.url
    forgotten = Location("http://z/internalconf", (b"anchor",))
    assert forgotten.url not in urls(known, last_successful=forgotten)


def test_certificates_go_with_the_source_and_the_kind() -> None:
    def certificates(path: str) -> set[tuple[bytes, ...]]:
        found = download_locations(
            anchor(f"http://cs:1/{path}"), held("a", "b"), last_successful=None, shuffle=as_given
        )
        return {location.verification_certs for location in found}

    assert certificates("internalconf") == {(b"internal a",), (b"internal b",), (b"anchor",)}
    assert certificates("externalconf") == {(b"external",), (b"anchor",)}
    proxy = certificates("PROXY1/conf")
    assert proxy == {(b"internal a", b"external"), (b"internal b", b"external"), (b"anchor",)}


def test_a_version_2_configuration_names_no_addresses() -> None:
    assert urls(anchor("http://cs:1/internalconf"), held()) == ["http://cs:1/internalconf"]
    no_keys = SharedParameters("DEV", sources=(ConfigurationSource("a"),))
    assert urls(anchor("http://cs:1/internalconf"), no_keys) == ["http://cs:1/internalconf"]


def test_what_is_no_url_is_no_location() -> None:
    assert urls(anchor("http://[::1/internalconf", "http://cs:1/internalconf"), held("[::1", "a:2")) == [
        "https://a:2/internalconf",
        "http://a:2/internalconf",
        "http://cs:1/internalconf",
    ]


def test_many_nodes(shared: Path) -> None:
    """X-Road's own sample of several central server nodes."""
    folder = shared / "globalconf"
    parameters = parse_shared_parameters(
        (folder / "client-v3-many-nodes/EE/shared-params.xml").read_bytes(), version=3
    )
    found = urls(parse_anchor((folder / "parts/configuration-anchor1.xml").read_bytes()), parameters)
    addresses = [s.address for s in parameters.sources]
    assert len(addresses) > 2
    assert found[: len(addresses)] == [f"https://{a}/conf" for a in addresses]
    assert "http://node-0x.example.com/internalconf" in found
    assert len(found) == len(set(found))


def test_versions_downwards() -> None:
    assert [v for v, _ in versioned_urls("http://cs/internalconf")] == [6, 5, 4, 3, 2]
    assert versioned_urls("http://cs/c", known=3) == [
        (3, "http://cs/c?version=3"),
        (2, "http://cs/c?version=2"),
    ]
    assert versioned_urls("http://cs/c?a=b")[0] == (6, "http://cs/c?a=b&version=6")
    assert versioned_urls("http://cs/c?version=9") == [(None, "http://cs/c?version=9")]


@pytest.mark.parametrize(
    ("allowed", "instances"),
    [
        ("none", ""),
        ("", ""),
        ("all", "PAR Par ZZ"),
        ("par", "PAR Par"),
        (" Par , x", "PAR Par"),
        ("all,none", ""),
        ("PAR,none", ""),
        (["PAR"], "PAR Par"),
    ],
)
def test_federation(allowed: str | list[str], instances: str) -> None:
    federation = FederationFilter(allowed, "DEV")
    assert [i for i in ("DEV", "PAR", "Par", "ZZ") if federation.allows(i)] == instances.split()
