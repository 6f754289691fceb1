"""conf.ini, anchor.xml and certificates as people and the reference's manual know them (UG-CP 3.2.1, 3.4, 3.5)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configuration_proxy.proxy_world import PROXY, ProxyWorld
from sild.configuration_proxy import ConfigurationProxy, ConfigurationProxySettings, Conflict, NotFound, view
from sild.configuration_proxy.conf_ini import ConfIni
from sild.errors import CallerError
from sild.xroad.globalconf import anchor_hash, parse_anchor

KEYS = ("active-signing-key-id", "validity-interval-seconds", "signing-key-id-1", "signing-key-id-2", "other")
LINES = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(["1", "600", "QWERTY123", ""])),
    st.sampled_from(
        ["", "; a remark", "# a remark", "[configuration-proxy]", "[other]", "no property", "= nothing"]
    ),
    st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp"]), max_size=20),
)
FILES = st.lists(LINES, max_size=12)


@pytest.fixture
def proxy(tmp_path: Path) -> ConfigurationProxy:
    return ConfigurationProxy(ConfigurationProxySettings(directory=tmp_path, address="1.2.3.4"))


MANUAL = """[configuration-proxy]
; by hand
validity-interval-seconds=600
active-signing-key-id=QWERTY123
signing-key-id-1=QWERTY123
signing-key-id-2=321YTREWQ
"""


def test_the_manuals_example() -> None:
    """UG-CP 3.5.3."""
    conf = ConfIni.parse(MANUAL)
    assert conf.validity_interval_seconds == 600
    assert conf.get("active-signing-key-id") == "QWERTY123"
    assert conf.signing_key_ids == ("QWERTY123", "321YTREWQ")
    changed = conf.with_value("active-signing-key-id", "321YTREWQ").without_signing_key("QWERTY123")
    assert changed.render() == (
        "[configuration-proxy]\n; by hand\nvalidity-interval-seconds=600\n"
        "active-signing-key-id = 321YTREWQ\nsigning-key-id-2=321YTREWQ\n"
    )
    assert changed.with_signing_key("NEW").render().endswith("=321YTREWQ\nsigning-key-id-1 = NEW\n")


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("", None),
        ("validity-interval-seconds = 60", 60),
        ("validity-interval-seconds:60", 60),
        ('validity-interval-seconds="60"  ; a minute', 60),
        ("; validity-interval-seconds = 60", None),
        ("[other]\nvalidity-interval-seconds = 60", None),
        ("validity-interval-seconds = soon", None),
        ("validity-interval-seconds = -1", None),
        ("validity-interval-seconds = 60\nvalidity-interval-seconds = 70", 60),
    ],
)
def test_how_a_value_is_read(text: str, interval: int | None) -> None:
    assert ConfIni.parse(text).validity_interval_seconds == interval


@given(FILES, st.sampled_from(KEYS), st.sampled_from(["x", "y1"]))
def test_an_edit_changes_one_thing(lines: list[str], key: str, value: str) -> None:
    conf = ConfIni(tuple(lines))
    changed = conf.with_value(key, value)
    assert changed.get(key) == value
    assert [p for p in changed.properties() if p[0] != key] == [p for p in conf.properties() if p[0] != key]
    assert ConfIni.parse(changed.render()).properties() == changed.properties()
    added = conf.with_signing_key("NEW")
    assert [k for k in added.signing_key_ids if k != "NEW"] == [k for k in conf.signing_key_ids if k != "NEW"]
    assert "NEW" in added.signing_key_ids
    assert "NEW" not in added.without_signing_key("NEW").signing_key_ids


def test_a_new_instance(proxy: ConfigurationProxy, tmp_path: Path) -> None:
    """UC CP_02."""
    instance = proxy.create_instance("PROXY")
    assert instance.directory == tmp_path / "confproxy" / "PROXY"
    assert (instance.directory / "conf.ini").read_text() == "validity-interval-seconds = 600\n"
    with pytest.raises(Conflict, match="Configuration for instance 'PROXY' already exists, aborting"):
        proxy.create_instance("PROXY")
    assert proxy.instance_names() == ("PROXY",)
    assert proxy.urls("PROXY") == ("http://1.2.3.4/PROXY/conf", "https://1.2.3.4/PROXY/conf")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a b", "ä", "x" * 65, "a\n"])
def test_names_that_are_none(proxy: ConfigurationProxy, name: str, tmp_path: Path) -> None:
    with pytest.raises(CallerError):
        proxy.create_instance(name)
    with pytest.raises(NotFound):
        proxy.instance(name)
    assert not list(tmp_path.rglob("conf.ini"))


def test_an_instance_that_is_not_there(proxy: ConfigurationProxy, tmp_path: Path) -> None:
    """UC CP_01 1b, 1c."""
    with pytest.raises(NotFound, match="Configuration for proxy instance 'NONE' does not exist"):
        proxy.instance("NONE")
    (tmp_path / "confproxy" / "NONE").mkdir(parents=True)
    with pytest.raises(NotFound, match=r"'conf\.ini' could not be loaded for proxy 'NONE'"):
        proxy.instance("NONE")
    assert proxy.instance_names() == ()


def test_view_of_a_new_instance(proxy: ConfigurationProxy, tmp_path: Path) -> None:
    """UG-CP 3.4 (1)."""
    instance = proxy.create_instance("PROXY")
    assert (
        view(instance, proxy.urls("PROXY"))
        == f"""\
Configuration for proxy 'PROXY'
Validity interval: 600 s.

anchor.xml
==================================================
'anchor.xml' could not be loaded: {tmp_path}/confproxy/PROXY/anchor.xml does not exist

Configuration URLs
==================================================
http://1.2.3.4/PROXY/conf
https://1.2.3.4/PROXY/conf

Signing keys and certificates
==================================================
active-signing-key-id:
\tNOT CONFIGURED (add 'active-signing-key-id' to 'conf.ini')

"""
    )


async def test_view_of_a_working_instance(world: ProxyWorld) -> None:
    """UG-CP 3.4 (4)."""
    (active,) = world.proxy.instance(PROXY).signing_keys
    other = await world.proxy.add_signing_key(PROXY, algorithm="EC")
    other.certificate_path.unlink()
    shown = view(world.proxy.instance(PROXY), ["URL"])
    assert "Instance identifier: DEV\nGenerated at:        2026-03-01T12:00:00Z\n" in shown
    assert f"Hash:                {anchor_hash(world.source.anchor())}\n" in shown
    assert shown.endswith(
        f"active-signing-key-id:\n\t{active.id} (Certificate: {active.certificate_path})\n"
        f"signing-key-id-*:\n\t{active.id} (Certificate: {active.certificate_path})\n"
        f"\t{other.id} (CERTIFICATE FILE MISSING!)\n\n"
    )


async def test_an_anchor_names_every_address_and_every_key(world: ProxyWorld) -> None:
    """UC CP_04. The instance is the source's, not the proxy's name."""
    second = await world.proxy.add_signing_key(PROXY, algorithm="RSA")
    proxy = world.open_proxy(protocols=["http", "https"])
    anchor = parse_anchor(proxy.anchor(PROXY))
    address = world.proxy.settings.address
    assert (anchor.instance_identifier, anchor.generated_at) == ("DEV", world.clock.at)
    assert [s.download_url for s in anchor.sources] == [
        f"http://{address}/PROXY/conf",
        f"https://{address}/PROXY/conf",
    ]
    first = world.proxy.instance(PROXY).active_signing_key
    assert first is not None
    assert {s.verification_certs for s in anchor.sources} == {(first.certificate, second.certificate)}


def test_no_anchor_without_source_and_key(proxy: ConfigurationProxy) -> None:
    proxy.create_instance("PROXY")
    with pytest.raises(CallerError, match="anchor_file_not_found"):
        proxy.anchor("PROXY")
    with pytest.raises(CallerError, match="malformed_anchor"):
        proxy.set_source_anchor("PROXY", b"<html/>")
    assert proxy.instance("PROXY").source_anchor_file is None


async def test_no_anchor_without_key(world: ProxyWorld) -> None:
    world.proxy.create_instance("PROXY2")
    world.proxy.set_source_anchor("PROXY2", world.source.anchor())
    with pytest.raises(CallerError, match="No signing keys configured!"):
        world.proxy.anchor("PROXY2")


async def test_files_edited_by_hand_count_from_the_next_round_on(world: ProxyWorld) -> None:
    """UC CP_03."""
    await world.proxy.mediate(PROXY)
    new = await world.proxy.add_signing_key(PROXY, algorithm="EC")
    conf = world.proxy.instance(PROXY).directory / "conf.ini"
    (old,) = (key for key in world.proxy.instance(PROXY).signing_keys if key.active)
    text = conf.read_text().replace(f"active-signing-key-id = {old.id}", f"active-signing-key-id={new.id}")
    conf.write_text(text.replace("= 600", "=60"))
    await world.pass_on()
    globalconf = await world.client().refresh()
    assert (globalconf.valid_until - world.clock.at).total_seconds() == 60
    assert world.proxy.instance(PROXY).active_signing_key == world.proxy.instance(PROXY).signing_keys[0]


@pytest.mark.parametrize("line", ["", "validity-interval-seconds = never\n"])
async def test_without_a_validity_interval_nothing_is_published(world: ProxyWorld, line: str) -> None:
    conf = world.proxy.instance(PROXY).directory / "conf.ini"
    conf.write_text(conf.read_text().replace("validity-interval-seconds = 600\n", line))
    with pytest.raises(CallerError, match="'validity-interval-seconds' is not configured"):
        await world.proxy.mediate(PROXY)
    with pytest.raises(CallerError):
        world.proxy.set_validity_interval(PROXY, 0)
    world.proxy.set_validity_interval(PROXY, 30)
    await world.proxy.mediate(PROXY)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", "http://1.2.3.4"),
        ("address", "a b"),
        ("hash_algorithm_uri", "http://www.w3.org/2000/09/xmldsig#sha1"),
        ("signature_digest_algorithm_id", "SHA-1"),
        ("minimum_global_configuration_version", 7),
        ("protocols", []),
        ("adress", "1.2.3.4"),
    ],
)
def test_settings_that_are_refused(key: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=key):
        ConfigurationProxySettings.model_validate(
            {"directory": tmp_path, "address": "1.2.3.4"} | {key: value}
        )
