"""Directories of X-Road's layout read to the right content and verdict; metadata in its form."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.configuration_client import load_globalconf
from sild.configuration_client.layout import NEVER, Metadata, instance_directory, read_published
from sild.errors import PlatformError
from sild.xroad.identifiers import ClientId, GlobalGroupId

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "instances"),
    [
        ("globalconf_good2_v3", "DEV"),
        ("globalconf_good_v2", "EE bar foo"),
        ("globalconf_good_v3", "EE bar foo_v2"),
        ("globalconf_good_v4", "EE bar baz_v3 foo_v2"),
        ("globalconf_good_v5", "EE bar baz_v3 foo_v2 qux_v4"),
        ("globalconf_good_v6", "EE bar baz_v3 foo_v2 quux_v5 qux_v4"),
    ],
)
def test_good_directories_load(shared: Path, name: str, instances: str) -> None:
    globalconf = load_globalconf(shared / "globalconf/dirs" / name)
    assert globalconf.instances(AT) == tuple(instances.split())
    assert globalconf.version == int(name[-1])
    globalconf.ensure_valid(AT)


def test_version_6_and_its_older_partners(shared: Path) -> None:
    globalconf = load_globalconf(shared / "globalconf/dirs/globalconf_good_v6")
    assert globalconf.shared("foo_v2", AT).version == 2
    assert globalconf.shared("quux_v5", AT).version == 5
    assert globalconf.timestamping_interval == timedelta(seconds=123)
    assert [a.instance_identifier for a in globalconf.anchors] == ["bar"]
    assert globalconf.valid_until == datetime(2124, 5, 20, 17, 42, 55, tzinfo=UTC)
    client = ClientId("EE", "BUSINESS", "foo", "foosubsystem")
    assert globalconf.subsystem_name(client, AT) == "FOO Subsystem"
    assert [s.id.server_code for s in globalconf.servers_of(client, AT)] == ["producerServerCode"]
    member = ClientId("EE", "BUSINESS", "member1", "subsys")
    assert globalconf.in_global_group(GlobalGroupId("EE", "Test group"), member, AT)
    expired = datetime(2124, 6, 1, tzinfo=UTC)
    assert globalconf.instances(expired) == ("EE",)
    with pytest.raises(PlatformError) as refused:
        globalconf.ensure_valid(expired)
    assert refused.value.code == "global_conf_outdated"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("globalconf_malformed", "malformed_global_conf"),
        ("globalconf_empty", "malformed_global_conf"),
        ("globalconf_missing_identifier", "internal_error"),
    ],
)
def test_bad_directories_do_not(shared: Path, name: str, code: str) -> None:
    with pytest.raises(PlatformError) as refused:
        load_globalconf(shared / "globalconf/dirs" / name)
    assert refused.value.code == code


def test_the_configuration_of_the_recorded_exchanges(shared: Path) -> None:
    globalconf = load_globalconf(shared / "wire/globalconf")
    assert (globalconf.instance_identifier, globalconf.version) == ("EE", 2)
    assert len(globalconf.all_ca_certificates(AT)) == 1


def test_a_partner_that_cannot_be_read_is_left_out(shared: Path, tmp_path: Path) -> None:
    source = shared / "globalconf/dirs/globalconf_good_v3"
    for path in source.rglob("*"):
        target = tmp_path / path.relative_to(source)
        if path.is_dir():
            target.mkdir()
        else:
            target.write_bytes(path.read_bytes())
    (tmp_path / "bar/shared-params.xml").write_text("half")
    assert load_globalconf(tmp_path).instances(AT) == ("EE", "foo_v2")
    (tmp_path / "EE/shared-params.xml").write_text("half")
    with pytest.raises(PlatformError):
        load_globalconf(tmp_path)
    (tmp_path / "EE/shared-params.xml.metadata").write_text("[]")
    with pytest.raises(PlatformError) as refused:
        read_published(tmp_path)
    assert refused.value.code == "malformed_global_conf"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlatformError) as refused:
        load_globalconf(tmp_path / "nowhere")
    assert refused.value.code == "internal_error"


def test_every_metadata_sample_reads(shared: Path) -> None:
    for path in shared.rglob("*.metadata"):
        if "malformed" not in str(path):
            metadata = Metadata.from_json(path.read_bytes())
            known = json.loads(path.read_bytes())
            assert metadata.content_identifier == known.get("contentIdentifier", "")
            assert (metadata.expiration_date == NEVER) is ("expirationDate" not in known)


@given(
    st.builds(
        Metadata,
        st.text(),
        st.text(),
        st.datetimes(timezones=st.just(UTC)).map(lambda d: d.replace(microsecond=0)),
        st.none() | st.text(),
        st.none() | st.text(),
        st.none() | st.integers(2, 6),
    )
)
def test_metadata_reads_back(metadata: Metadata) -> None:
    assert Metadata.from_json(metadata.to_json()) == metadata


@given(st.binary())
def test_any_bytes_are_metadata_or_refused(data: bytes) -> None:
    try:
        Metadata.from_json(data)
    except PlatformError as error:
        assert error.code == "malformed_global_conf"


@pytest.mark.parametrize(
    ("instance", "name"),
    [
        ("EE", "EE"),
        ("a b", "a+b"),
        ("a/b", "a%2Fb"),
        ("õ", "%C3%B5"),
        ("a.b-c_*~", "a.b-c_*%7E"),
        ("..", "%2E%2E"),
        (".", "%2E"),
    ],
)
def test_instances_as_directory_names(instance: str, name: str) -> None:
    assert instance_directory(instance) == name
