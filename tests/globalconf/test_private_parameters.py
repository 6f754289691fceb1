"""private-params.xml, anchors and optional parts: content, round trip, schema."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sild.errors import CallerError, PeerError
from sild.xroad.globalconf import (
    AnchorSource,
    ConfigurationAnchor,
    ManagementService,
    PrivateParameters,
    anchor_hash,
    parse_anchor,
    parse_fetch_interval,
    parse_monitoring,
    parse_next_update,
    parse_private_parameters,
    render_anchor,
    render_fetch_interval,
    render_monitoring,
    render_next_update,
    render_private_parameters,
)
from sild.xroad.identifiers import ClientId
from support.shared_parameters import codes, texts

clients = st.builds(ClientId, codes, codes, codes, st.none() | codes)


def is_url(text: str) -> bool:
    try:
        return urlsplit(text).port is not False
    except ValueError:
        return False


sources = st.builds(
    AnchorSource,
    texts.map(str.strip).filter(is_url),
    st.lists(st.binary(max_size=9), min_size=1, max_size=2).map(tuple),
)
anchors = st.builds(
    ConfigurationAnchor,
    texts,
    st.lists(sources, min_size=1, max_size=2).map(tuple),
    st.none() | st.just(datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)),
)
private_parameters = st.builds(
    PrivateParameters,
    texts,
    st.builds(ManagementService, texts, clients, st.none() | st.binary(max_size=9)),
    st.integers(0, 10**6),
    anchors=st.lists(anchors, max_size=2).map(tuple),
)


def test_the_management_service(shared: Path) -> None:
    path = shared / "globalconf/signed/public/V6/20251110170000548026000/private-params.xml"
    parameters = parse_private_parameters(path.read_bytes(), version=6)
    assert parameters.instance_identifier == "DEV"
    service = parameters.management_service
    assert service.auth_cert_reg_service_address == "https://cs:4001/managementservice/"
    assert service.auth_cert_reg_service_cert is not None
    assert str(service.management_request_service_provider_id) == "DEV:COM:1234:MANAGEMENT"
    assert (parameters.timestamping_interval_seconds, parameters.version) == (60, 3)


def test_a_federated_anchor(shared: Path) -> None:
    path = shared / "globalconf/dirs/globalconf_good_v6/EE/private-params.xml"
    (anchor,) = parse_private_parameters(path.read_bytes()).anchors
    assert anchor == ConfigurationAnchor("bar", (AnchorSource("http://www.bar.com/conf", (b"bar\n",)),))


def test_every_sample_reads_back_identically(shared: Path) -> None:
    for path in shared.glob("globalconf/**/private-params.xml"):
        if "malformed" not in str(path):
            parameters = parse_private_parameters(path.read_bytes())
            assert parse_private_parameters(render_private_parameters(parameters)) == parameters
    for path in shared.glob("globalconf/**/*anchor*.xml"):
        if "invalid" not in path.name:
            anchor = parse_anchor(path.read_bytes())
            assert parse_anchor(render_anchor(anchor)) == anchor


@settings(max_examples=60, deadline=None)
@given(private_parameters)
def test_what_is_rendered_reads_back_in_every_version(parameters: PrivateParameters) -> None:
    for version in (2, 3, 6):
        xml = render_private_parameters(parameters, version)
        assert parse_private_parameters(xml, version=version) == replace(
            parameters, version=2 if version == 2 else 3
        )
    for anchor in parameters.anchors:
        assert parse_anchor(render_anchor(anchor)) == anchor


def test_an_anchor_a_central_server_made_is_written_the_same_way(shared: Path) -> None:
    """The layout of the reference, to the byte, so that its hash can be compared after a round trip."""
    path = shared / "globalconf/anchors/internal-configuration-anchor.xml"
    assert render_anchor(parse_anchor(path.read_bytes())).strip() == path.read_bytes().strip()


def test_the_hash_people_compare(shared: Path) -> None:
    """Values of X-Road's own tests (trustedAnchorsApi.feature, ConfigurationInfoApiStepDefs)."""
    anchors_dir = shared / "globalconf/anchors"
    assert anchor_hash((anchors_dir / "trusted-anchor.xml").read_bytes()) == (
        "40:2A:4F:94:05:D2:9B:ED:C9:EE:A2:6D:EC:EC:11:94:5D:C9:A8:3E:29:1F:B2:92:A6:E4:DF:1D"
    )


def test_an_anchor_without_a_source_is_not_written() -> None:
    with pytest.raises(CallerError):
        render_anchor(ConfigurationAnchor("DEV", ()))
    with pytest.raises(CallerError):
        render_anchor(ConfigurationAnchor("DEV", (AnchorSource("http://cs/internalconf", ()),)))


def test_optional_parts_read(shared: Path) -> None:
    parts = shared / "globalconf/parts"
    assert str(parse_monitoring((parts / "valid-monitoring-params.xml").read_bytes())) == "fdev:GOV:66655666"
    assert parse_monitoring((parts / "empty-monitoring-params.xml").read_bytes()) is None
    assert parse_fetch_interval((parts / "valid-fetchinterval-params.xml").read_bytes()) == timedelta(
        seconds=500
    )
    assert parse_next_update((parts / "valid-nextupdate-params.xml").read_bytes()) is False


@pytest.mark.parametrize(
    "name",
    [
        "invalid-monitoring-params.xml",
        "invalid-fetchinterval-params.xml",
        "empty-fetchinterval-params.xml",
        "invalid-nextupdate-params.xml",
        "empty-nextupdate-params.xml",
    ],
)
def test_a_broken_optional_part_is_refused(shared: Path, name: str) -> None:
    kind = name.split("-")[1]
    parse = {
        "monitoring": parse_monitoring,
        "fetchinterval": parse_fetch_interval,
        "nextupdate": parse_next_update,
    }[kind]
    with pytest.raises(PeerError) as refused:
        parse((shared / "globalconf/parts" / name).read_bytes())
    assert refused.value.code == "malformed_global_conf"


def test_optional_parts_are_written() -> None:
    client = ClientId("DEV", "GOV", "1", "Monitor")
    assert parse_monitoring(render_monitoring(client)) == client
    assert parse_monitoring(render_monitoring(None)) is None
    assert parse_fetch_interval(render_fetch_interval(timedelta(minutes=20))) == timedelta(minutes=20)
    assert [parse_next_update(render_next_update(b)) for b in (True, False)] == [True, False]
    with pytest.raises(CallerError):
        render_fetch_interval(timedelta(0))


def test_schemas_are_x_roads_own(shared: Path) -> None:
    """The copies in the package say what X-Road's files say."""
    ours = Path(__file__).parents[2] / "src/sild/xroad/globalconf/schemas"
    for path in ours.rglob("*.xsd"):
        theirs = shared / "schema/globalconf" / path.relative_to(ours)
        assert etree.canonicalize(path.read_text()) == etree.canonicalize(theirs.read_text())


@pytest.mark.parametrize(
    "url", ["http://[::1/internalconf", "http://cs]/internalconf", "http://cs:port/x", "http://cs:99999/x"]
)
def test_an_anchor_whose_download_url_is_none(url: str) -> None:
    """Refused when it is read, by its name, not when it is asked, as a bug; in private parameters it is a partner's business."""
    anchor = ConfigurationAnchor("DEV", (AnchorSource(url, (b"certificate",)),))
    with pytest.raises(PeerError) as refused:
        parse_anchor(render_anchor(anchor))
    assert refused.value.code == "malformed_anchor"
    service = ManagementService("https://cs:4001", ClientId("DEV", "COM", "1"))
    private = PrivateParameters("DEV", service, 60, anchors=(anchor,))
    assert parse_private_parameters(render_private_parameters(private)).anchors == (anchor,)
