"""Keys behind the PIN, their rotation, and the anchors that follow them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from central_world import PIN, SetClock, empty_central_server

from sild.central_server import CentralServer, Conflict, NotFound
from sild.errors import CallerError, Unavailable
from sild.xroad.globalconf import parse_anchor


def test_the_first_key_of_a_source_is_active(central_server: CentralServer) -> None:
    second = central_server.add_signing_key("INTERNAL", label="next", key_algorithm="EC")
    keys = central_server.signing_keys("INTERNAL")
    assert [key.active for key in keys] == [True, False]
    assert second.label == "next"
    assert second.available


def test_rsa_keys(central_server: CentralServer) -> None:
    key = central_server.add_signing_key("INTERNAL", key_algorithm="RSA")
    central_server.activate_signing_key(key.id)
    assert central_server.publish().revision == central_server.revision


def test_an_active_key_is_neither_activated_nor_deleted(central_server: CentralServer) -> None:
    (active,) = central_server.signing_keys("INTERNAL")
    with pytest.raises(CallerError, match="signing_key_action_not_possible"):
        central_server.activate_signing_key(active.id)
    with pytest.raises(CallerError, match="signing_key_action_not_possible"):
        central_server.delete_signing_key(active.id)
    with pytest.raises(NotFound, match="signing_key_not_found"):
        central_server.delete_signing_key("0")


def test_the_anchor_follows_the_keys(central_server: CentralServer) -> None:
    (first,) = central_server.signing_keys("INTERNAL")
    second = central_server.add_signing_key("INTERNAL", key_algorithm="EC")
    anchor = parse_anchor(central_server.anchor("INTERNAL").file)
    assert [source.download_url for source in anchor.sources] == [
        "http://cs.example.org/internalconf",
        "https://cs.example.org/internalconf",
    ]
    assert anchor.sources[0].verification_certs == (first.certificate, second.certificate)
    central_server.activate_signing_key(second.id)
    central_server.delete_signing_key(first.id)
    anchor = parse_anchor(central_server.anchor("INTERNAL").file)
    assert anchor.sources[0].verification_certs == (second.certificate,)


def test_the_anchor_follows_the_address(central_server: CentralServer, clock: SetClock) -> None:
    before = central_server.anchor("EXTERNAL")
    clock.advance(10)
    central_server.set_address("new.example.org")
    after = central_server.anchor("EXTERNAL")
    assert after.hash != before.hash
    assert after.file_name == "configuration_anchor_DEV_external_UTC_2026-03-01_12_00_10.xml"
    assert central_server.download_url("EXTERNAL") == "http://new.example.org/externalconf"


def test_an_anchor_is_recreated(central_server: CentralServer, clock: SetClock) -> None:
    clock.advance(1)
    assert central_server.recreate_anchor("INTERNAL").generated_at == clock.at


def test_no_anchor_without_a_key(tmp_path: Path) -> None:
    server = empty_central_server(tmp_path)
    with pytest.raises(NotFound, match="configuration_not_found"):
        server.anchor("INTERNAL")
    with pytest.raises(CallerError, match="no_configuration_signing_keys_configured"):
        server.recreate_anchor("INTERNAL")
    server.close()


def test_keys_lie_encrypted_and_for_the_owner_alone(central_server: CentralServer, tmp_path: Path) -> None:
    files = list((tmp_path / "cs" / "keys").iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "cs" / "keys").stat().st_mode) == 0o700
    assert all(b"PRIVATE KEY" not in file.read_bytes() for file in files)


def test_a_deleted_key_is_gone_from_disk(central_server: CentralServer, tmp_path: Path) -> None:
    key = central_server.add_signing_key("EXTERNAL", key_algorithm="EC")
    path = tmp_path / "cs" / "keys" / f"{key.id}.p12"
    assert path.exists()
    central_server.delete_signing_key(key.id)
    assert not path.exists()


def test_a_key_of_a_transaction_undone_is_gone_from_disk(
    central_server: CentralServer, tmp_path: Path
) -> None:
    before = set((tmp_path / "cs" / "keys").iterdir())
    with pytest.raises(ZeroDivisionError), central_server.transaction():
        central_server.add_signing_key("EXTERNAL", key_algorithm="EC")
        raise ZeroDivisionError
    assert set((tmp_path / "cs" / "keys").iterdir()) == before
    assert len(central_server.signing_keys("EXTERNAL")) == 1


def test_without_the_pin_nothing_is_signed(central_server: CentralServer) -> None:
    central_server.log_out()
    assert not central_server.token().logged_in
    assert not any(key.available for key in central_server.token().keys)
    with pytest.raises(CallerError, match="token_not_active"):
        central_server.publish()
    with pytest.raises(CallerError, match="token_not_active"):
        central_server.add_signing_key("INTERNAL")
    with pytest.raises(CallerError, match="pin_incorrect"):
        central_server.log_in("wrong")
    central_server.log_in(PIN)
    central_server.publish()


def test_opened_again_with_and_without_the_pin(central_server: CentralServer, tmp_path: Path) -> None:
    central_server.close()
    with pytest.raises(CallerError, match="pin_incorrect"):
        CentralServer.open(tmp_path / "cs", pin="wrong")
    server = CentralServer.open(tmp_path / "cs")
    with pytest.raises(CallerError, match="token_not_active"):
        server.publish()
    server.log_in(PIN)
    server.publish()
    server.close()


def test_a_key_file_that_is_lost(central_server: CentralServer, tmp_path: Path) -> None:
    central_server.close()
    for file in (tmp_path / "cs" / "keys").glob("*.p12"):
        if file.name != "softtoken.p12":
            file.unlink()
    server = CentralServer.open(tmp_path / "cs", pin=PIN)
    with pytest.raises(Unavailable, match="key_not_found"):
        server.publish()
    server.close()


def test_created_once(central_server: CentralServer, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="init_already_initialized"):
        empty_central_server(tmp_path / "cs")


def test_opened_before_it_was_created(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="instance_identifier_not_set"):
        CentralServer.open(tmp_path)


@pytest.mark.parametrize(
    ("instance", "address", "pin", "code"),
    [
        ("D/EV", "cs", "1", "bad_request"),
        ("D'EV", "cs", "1", "init_invalid_params"),
        ("DEV", "c s", "1", "init_invalid_params"),
        ("DEV", "cs", "", "token_incorrect_pin_format"),
    ],
)
def test_what_an_instance_cannot_begin_with(
    tmp_path: Path, instance: str, address: str, pin: str, code: str
) -> None:
    with pytest.raises(CallerError) as refusal:
        CentralServer.create(tmp_path, instance_identifier=instance, address=address, pin=pin)
    assert refusal.value.code == code
    server = CentralServer.create(tmp_path, instance_identifier="DEV", address="cs", pin="1")
    server.close()


def test_a_key_is_on_disk_before_the_database_names_it(
    central_server: CentralServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File and directory: a power failure may take an entry that was never flushed, and the key cannot be made again."""
    flushed: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        flushed.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    central_server.add_signing_key("INTERNAL", key_algorithm="EC")
    assert flushed == ["file", "directory"]


def test_a_key_that_cannot_be_written_is_not_there(central_server: CentralServer, tmp_path: Path) -> None:
    (keys,) = tmp_path.rglob("keys")
    keys.rename(keys.with_name("elsewhere"))
    before = central_server.signing_keys("INTERNAL")
    with pytest.raises(Unavailable):
        central_server.add_signing_key("INTERNAL", key_algorithm="EC")
    assert len(central_server.signing_keys("INTERNAL")) == len(before)
