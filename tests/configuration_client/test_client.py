"""The client against real sources on loopback: what it takes over, what it refuses, what it keeps."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from configuration_client.conftest import SteppingClock
from sild.configuration_client import ConfigurationClient, Fetched, load_globalconf
from sild.errors import PlatformError
from sild.pki import DigestAlgorithm
from sild.xroad.globalconf import (
    SHARED_PARAMETERS,
    AnchorSource,
    ConfigurationAnchor,
    ConfigurationSource,
    DirectoryPart,
    render_anchor,
    render_monitoring,
    render_next_update,
    render_shared_parameters,
)
from sild.xroad.identifiers import ClientId
from support.configuration_source import Answer, ConfigurationSourceServer, SigningKey
from support.shared_parameters import large_parameters

Make = Callable[..., ConfigurationClient]


@pytest.fixture
def make(source: ConfigurationSourceServer, clock: SteppingClock, tmp_path: Path) -> Make:
    def make(anchor: ConfigurationAnchor | Path | None = None, **options: object) -> ConfigurationClient:
        options.setdefault("clock", clock)
        return ConfigurationClient(anchor or source.anchor(), tmp_path / "globalconf", **options)  # type: ignore[arg-type]

    return make


async def refused(client: ConfigurationClient) -> str:
    """The code of a refresh that fails; what is held must not change by it."""
    before, files = client.current, client.published
    with pytest.raises(PlatformError) as error:
        await client.refresh()
    assert client.current is before and client.published is files
    assert client.status.error_code == error.value.code
    return error.value.code


async def test_the_error_reported_is_the_last_answer(make: Make, source: ConfigurationSourceServer) -> None:
    """One location answers that there is nothing, two cannot be reached; whichever comes last, the answer says more."""
    source.paths = {}
    certificate = source.keys["internal"][0].certificate
    urls = (
        "http://127.0.0.1:9/internalconf",
        f"http://{source.address}/internalconf",
        "http://127.0.0.1:10/x",
    )
    anchor = ConfigurationAnchor("DEV", tuple(AnchorSource(url, (certificate,)) for url in urls))
    for seed in range(4):
        assert await refused(make(anchor, randomness=random.Random(seed))) == "global_conf_get_version_failed"


async def test_a_bug_is_no_success(make: Make, clock: SteppingClock) -> None:
    async def broken(url: str, **options: object) -> Fetched:
        raise RuntimeError("a bug")

    client = make(fetch=broken)
    with pytest.raises(RuntimeError):
        await client.refresh()
    assert (client.status.last_attempt_at, client.status.error_code) == (clock.now, "internal_error")


# -- the good path -----------------------------------------------------------------------------------------------------


async def test_downloads_publishes_and_answers(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    client = make()
    assert await client.restore() is None
    globalconf = await client.refresh()
    assert client.current is globalconf
    assert globalconf.version == 6
    assert globalconf.is_known_client(ClientId("DEV", "COM", "1"), clock.now)
    globalconf.ensure_valid(clock.now + timedelta(minutes=10))
    assert globalconf.timestamping_interval == timedelta(seconds=60)
    assert client.status.last_location == f"http://{source.address}/internalconf?version=6"


async def test_x_roads_layout_on_disk(make: Make, tmp_path: Path) -> None:
    """COMPAT I12: names, metadata keys and the form of dates."""
    await make().refresh()
    directory = tmp_path / "globalconf"
    assert (directory / "instance-identifier").read_text() == "DEV"
    names = {path.name for path in (directory / "DEV").iterdir()}
    assert names == {f"{kind}-params.xml{end}" for kind in ("shared", "private") for end in ("", ".metadata")}
    metadata = (directory / "DEV/shared-params.xml.metadata").read_text()
    assert metadata == (
        '{"contentIdentifier":"SHARED-PARAMETERS","instanceIdentifier":"DEV","expirationDate":"2026-03-01T12:10:00Z",'
        '"contentLocation":"/V6/20260301120000000000000/shared-params.xml","configurationVersion":"6"}'
    )
    loaded = load_globalconf(directory)
    assert (loaded.instance_identifier, loaded.version) == ("DEV", 6)


async def test_what_did_not_change_is_not_fetched_again(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    client = make()
    first = await client.refresh()
    source.publish(at=clock.advance(minutes=1))
    source.requests.clear()
    second = await client.refresh()
    assert source.requests == ["/internalconf?version=6"]
    assert second.valid_until == first.valid_until + timedelta(minutes=1)
    assert second._indexes["DEV"] is first._indexes["DEV"]


async def test_listeners_hear_of_each_new_configuration(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    client = make()
    heard: list[int] = []

    def broken(_: object) -> None:
        raise RuntimeError("a listener's bug")

    client.on_change(broken)
    client.on_change(lambda conf: heard.append(len(conf.shared("DEV", clock.now).members)))
    await client.refresh()
    await client.refresh()
    assert heard == [2], "nothing new, nothing heard"
    source.members = 5
    source.publish(at=clock.advance(minutes=1))
    await client.refresh()
    assert heard == [2, 5]


async def test_optional_parts_take_effect(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    monitor = ClientId("DEV", "COM", "0")
    source.other_parts = [
        DirectoryPart("MONITORING", "DEV", "monitoring-params.xml", render_monitoring(monitor)),
        DirectoryPart("NEXTUPDATE", "DEV", "nextupdate-params.xml", render_next_update(False)),
        DirectoryPart("FETCHINTERVAL", "DEV", "fetchinterval-params.xml", b"<broken"),
        DirectoryPart("SOMETHING-NEW", "DEV", "something.bin", b"kept, not used"),
    ]
    source.publish(at=clock.now)
    client = make()
    globalconf = await client.refresh()
    assert (globalconf.monitoring_client, globalconf.check_ocsp_next_update) == (monitor, False)
    assert globalconf.ocsp_fetch_interval == timedelta(seconds=1200), (
        "a part that cannot be read is as if absent"
    )
    assert (client.directory / "DEV/something.bin").read_bytes() == b"kept, not used"
    source.other_parts = []
    source.publish(at=clock.advance(minutes=1))
    assert (await client.refresh()).monitoring_client is None
    assert not (client.directory / "DEV/something.bin").exists()


async def test_what_is_large_is_read_in_threads(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration of 90 MB takes 200 ms to hash alone: the loop, which serves messages, must not wait for it."""
    on_the_loop: list[int] = []
    digest = DigestAlgorithm.digest

    def watched(algorithm: DigestAlgorithm, data: bytes) -> bytes:
        if threading.current_thread() is threading.main_thread():
            on_the_loop.append(len(data))
        return digest(algorithm, data)

    client = make()
    await client.refresh()
    source.members = 3
    source.publish(at=clock.advance(minutes=1))
    with monkeypatch.context() as context:
        context.setattr(DigestAlgorithm, "digest", watched)
        await client.refresh()
        await client.refresh()
    assert not on_the_loop


async def test_an_earlier_configuration_is_let_go_in_pieces(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    client = make()
    first = await client.refresh()
    assert first.pieces(first) == []
    earlier = weakref.ref(first)
    source.members = 3
    source.publish(at=clock.advance(minutes=1))
    second = await client.refresh()
    members, *_ = first.pieces(second)
    assert len(members) == 2
    del first, members, _
    assert earlier() is not None, "not at once: freeing a large one takes as long as making it"
    await client.refresh()
    assert earlier() is None


async def test_a_large_configuration_is_none_of_the_garbage_collectors_business(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """A full collection over the objects of 100,000 members stops the process for a second."""
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    client = make()
    await client.refresh()
    assert gc.get_freeze_count() <= frozen, "not for a small one: what is garbage at that moment would stay"
    source.publish(at=clock.advance(minutes=1), shared=large_parameters(3000), versions=(6,))
    await client.refresh()
    assert gc.get_freeze_count() > frozen + 3000
    assert gc.get_threshold() == thresholds
    gc.unfreeze()


# -- versions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newest", [5, 4, 3, 2])
async def test_walks_down_to_the_newest_version_there_is(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock, newest: int
) -> None:
    source.publish(at=clock.now, versions=range(2, newest + 1))
    client = make()
    assert (await client.refresh()).version == newest
    asked = [f"/internalconf?version={v}" for v in range(6, newest - 1, -1)]
    assert [t for t in source.requests if "version" in t] == asked
    source.requests.clear()
    await client.refresh()
    assert source.requests == [asked[-1]], "remembered"


async def test_an_upgraded_source_is_noticed_within_an_hour(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    source.publish(at=clock.now, versions=(2, 3), lifetime=timedelta(days=1))
    client = make()
    assert (await client.refresh()).version == 3
    source.publish(at=clock.advance(minutes=59), lifetime=timedelta(days=1))
    assert (await client.refresh()).version == 3
    source.publish(at=clock.advance(minutes=1), lifetime=timedelta(days=1))
    assert (await client.refresh()).version == 6


async def test_404s_do_not_push_the_client_to_a_lower_version(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """Whoever stands between us and the source answers 404 to all but version 2: not while what is held is valid.

    Over a restart either; and once it has expired, or the directories are removed, the lower version is taken.
    """
    await make().refresh()
    source.members = 3
    source.publish(at=clock.advance(minutes=1), versions=(2, 3))
    source.answers = {f"/internalconf?version={version}": 404 for version in (3, 4, 5, 6)}
    client = make()
    await client.restore()
    assert await refused(client) == "global_conf_outdated"
    source.publish(at=clock.advance(minutes=9), versions=(2, 3))
    assert (await client.refresh()).version == 2


async def test_a_lower_version_under_a_higher_ones_address(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    client = make()
    await client.refresh()
    source.members = 3
    source.publish(at=clock.advance(minutes=1))
    source.answers["/internalconf?version=6"] = source.paths["/internalconf?version=3"]
    assert await refused(client) == "global_conf_outdated"


async def test_a_version_in_the_address_is_respected(make: Make, source: ConfigurationSourceServer) -> None:
    client = make(source.anchor(url=f"http://{source.address}/internalconf?version=4"))
    assert (await client.refresh()).version == 4
    assert source.requests[0] == "/internalconf?version=4"


async def test_a_source_with_no_version_known_here(make: Make, source: ConfigurationSourceServer) -> None:
    source.paths = {}
    assert await refused(make()) == "global_conf_get_version_failed"
    assert len(source.requests) == 5


# -- locations and keys ------------------------------------------------------------------------------------------------


async def test_the_next_location_is_asked_and_the_one_that_worked_remembered(
    make: Make, source: ConfigurationSourceServer
) -> None:
    async with ConfigurationSourceServer() as broken:
        broken.answers = {f"/internalconf?version={v}": 500 for v in range(2, 7)}
        certificate = source.keys["internal"][0].certificate
        anchor = ConfigurationAnchor(
            "DEV",
            tuple(AnchorSource(f"http://{s.address}/internalconf", (certificate,)) for s in (broken, source)),
        )
        client = make(anchor)
        for _ in range(4):
            await client.refresh()
        assert len(broken.requests) <= 1
        await source.stop()
        assert await refused(client) == "global_conf_download_url_connection_failure"


async def test_an_address_of_the_shared_parameters_is_used(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """The anchor's host is gone; the configuration held names another."""
    async with ConfigurationSourceServer() as new_host:
        new_host.keys = source.keys
        moved = replace(source.shared(), sources=new_host.shared().sources)
        source.publish(at=clock.now, shared=moved)
        client = make()
        await client.refresh()
        await source.stop()
        new_host.members = 9
        new_host.publish(at=clock.advance(minutes=1))
        assert len((await client.refresh()).shared("DEV", clock.now).members) == 9


async def test_keys_are_followed_from_generation_to_generation(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """WIRE 13.5: announced under the old key, then used, and the old one dropped; the anchor knows the first only."""
    client = make()
    await client.refresh()
    for generation in range(3):
        (old,) = source.keys["internal"]
        new = SigningKey.named(f"key {generation}")
        source.keys["internal"] = [old, new]
        source.publish(at=clock.advance(minutes=1))
        await client.refresh()
        source.keys["internal"] = [new]
        source.publish(at=clock.advance(minutes=1))
        await client.refresh()
    assert len((await client.refresh()).shared("DEV", clock.now).sources[0].internal_verification_certs) == 1


async def test_a_key_that_was_not_announced(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    client = make()
    await client.refresh()
    source.publish(at=clock.advance(minutes=1), signer=SigningKey.named("unknown"))
    assert await refused(client) == "global_conf_missing_verification_cert"


async def test_version_2_does_not_announce_keys(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    source.versions = (2,)
    source.publish(at=clock.now)
    client = make()
    await client.refresh()
    source.keys["internal"].insert(0, SigningKey.named("new"))
    source.publish(at=clock.advance(minutes=1))
    assert await refused(client) == "global_conf_missing_verification_cert"


async def test_the_external_sources_key_does_not_sign_the_internal_configuration(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    client = make()
    await client.refresh()
    source.publish(at=clock.advance(minutes=1), signer=source.keys["external"][0])
    assert await refused(client) == "global_conf_missing_verification_cert"


async def test_one_addresss_key_does_not_vouch_for_another(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """WIRE 18: two nodes with keys of their own; the second serves what the first one's key signed."""
    async with ConfigurationSourceServer() as second:
        second.keys = {"internal": [SigningKey.named("second")], "external": source.keys["external"]}
        anchor = ConfigurationAnchor("DEV", (*source.anchor().sources, *second.anchor().sources))
        sources = (*source.shared().sources, *second.shared().sources)
        source.publish(at=clock.now, shared=replace(source.shared(), sources=sources))
        client = make(anchor)
        await client.refresh()
        await source.stop()
        second.publish(at=clock.advance(minutes=1), signer=source.keys["internal"][0])
        assert await refused(client) == "global_conf_missing_verification_cert"
        second.publish(at=clock.now)
        await client.refresh()


# -- refusals ----------------------------------------------------------------------------------------------------------


async def test_an_expired_directory(make: Make, clock: SteppingClock) -> None:
    client = make()
    await client.refresh()
    clock.advance(minutes=10)
    assert await refused(client) == "global_conf_outdated"


async def test_a_replayed_directory(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """An older one, validly signed and not expired, played back: refused, over a restart too, and then followed by newer ones."""
    old = dict(source.paths)
    source.members = 3
    source.publish(at=clock.advance(minutes=1))
    new = source.paths
    client = make()
    await client.refresh()
    source.paths = old
    assert await refused(client) == "global_conf_outdated"
    restarted = make()
    await restarted.restore()
    assert await refused(restarted) == "global_conf_outdated"
    source.paths = new
    assert len((await restarted.refresh()).shared("DEV", clock.now).members) == 3


async def test_a_replay_that_outlives_what_is_held_by_its_expiry_date(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """The administrator shortened the validity: the older directory expires later, and is older all the same."""
    source.publish(at=clock.now, lifetime=timedelta(days=7))
    old = dict(source.paths)
    source.members = 3
    source.publish(at=clock.advance(minutes=1))
    client = make()
    await client.refresh()
    source.paths = old
    assert await refused(client) == "global_conf_outdated"


async def test_an_older_directory_that_says_the_same_is_no_failure(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """Two nodes of a source generate at different times; failing over to the other is not a replay."""
    other_node = dict(source.paths)
    source.publish(at=clock.advance(seconds=30))
    client = make()
    held = await client.refresh()
    source.paths = other_node
    assert (await client.refresh()).valid_until == held.valid_until


async def test_after_expiry_an_older_generation_is_better_than_none(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """The way out when a source's clock ran ahead for a while."""
    source.publish(at=clock.now + timedelta(hours=1), lifetime=timedelta(minutes=-50))
    client = make()
    await client.refresh()
    source.members = 4
    source.publish(at=clock.advance(minutes=9))
    assert await refused(client) == "global_conf_outdated"
    source.publish(at=clock.advance(minutes=1))
    await client.refresh()


async def test_a_badly_signed_directory(make: Make, source: ConfigurationSourceServer) -> None:
    target = "/internalconf?version=6"
    source.answers[target] = source.paths[target].body.replace(b"12:10:00Z", b"13:10:00Z")
    assert await refused(make()) == "global_conf_signature_verification_failure"


async def test_a_file_that_is_not_the_one_listed(make: Make, source: ConfigurationSourceServer) -> None:
    location = next(path for path in source.paths if path.startswith("/V6") and "shared" in path)
    source.answers[location] = source.paths[location].body.replace(b"Member 0", b"Member X")
    assert await refused(make()) == "global_conf_part_downloaded_file_integrity_failure"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda body: 404, "global_conf_part_download_failure"),
        (lambda body: 500, "global_conf_part_download_failure"),
        (
            lambda body: Answer(body[: len(body) // 2], announced=len(body)),
            "global_conf_part_download_failure",
        ),
        (lambda body: body[: len(body) // 2], "global_conf_part_downloaded_file_integrity_failure"),
        (lambda body: b"", "global_conf_part_downloaded_file_integrity_failure"),
    ],
    ids=["gone", "error", "connection cut", "shorter", "empty"],
)
async def test_half_a_file(
    make: Make, source: ConfigurationSourceServer, damage: Callable[[bytes], bytes | int | Answer], code: str
) -> None:
    location = next(path for path in source.paths if path.startswith("/V6") and "private" in path)
    source.answers[location] = damage(source.paths[location].body)
    client = make()
    assert await refused(client) == code
    assert not client.directory.exists(), "nothing half is published"


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6, 0.95])
async def test_half_a_directory(make: Make, source: ConfigurationSourceServer, keep: float) -> None:
    target = "/internalconf?version=6"
    body = source.paths[target].body
    client = make()
    source.answers[target] = body[: int(len(body) * keep)]
    assert (await refused(client)).startswith("global_conf_")
    source.answers[target] = Answer(body[: int(len(body) * keep)], announced=len(body))
    assert await refused(client) == "global_conf_download_url_connection_failure"


async def test_a_directory_without_end(make: Make, source: ConfigurationSourceServer) -> None:
    source.answers["/internalconf?version=6"] = b"x" * (1024 * 1024 + 1)
    assert await refused(make()) == "global_conf_download_url_connection_failure"


async def test_parameters_of_another_instance(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    source.publish(at=clock.now, shared=ConfigurationSourceServer("EVIL").shared())
    assert await refused(make()) == "global_conf_part_invalid_instance_identifier"


async def test_an_instance_whose_encoded_name_is_ours(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """A directory on disk is called `A%2BB` for the instance `A+B`; what is downloaded says its name itself."""
    async with ConfigurationSourceServer("A%2BB") as encoded:
        encoded.publish(at=clock.now, shared=ConfigurationSourceServer("A+B").shared())
        assert await refused(make(encoded.anchor())) == "global_conf_part_invalid_instance_identifier"


async def test_parameters_that_do_not_fit_their_schema(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    client = make()
    await client.refresh()
    source.publish(at=clock.advance(minutes=1))
    sound = source.paths
    broken = render_shared_parameters(source.shared()).replace(b"memberCode>", b"memberKode>")
    source.publish_document(broken, at=clock.now)
    assert await refused(client) == "malformed_global_conf"
    source.paths = sound
    await client.refresh()


# -- keeping -----------------------------------------------------------------------------------------------------------


async def test_the_last_valid_one_survives_a_restart_without_network(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    await make().refresh()
    await source.stop()
    client = make()
    globalconf = await client.restore()
    assert globalconf is not None and client.current is globalconf
    assert await refused(client) == "global_conf_download_url_connection_failure"
    globalconf.ensure_valid(clock.now)
    clock.advance(minutes=11)
    with pytest.raises(PlatformError):
        globalconf.ensure_valid(clock.now)
    await source.start()
    source.publish(at=clock.now)
    (await client.refresh()).ensure_valid(clock.now)


async def test_run_retries_soon_and_recovers(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sild.configuration_client.client.FIRST_RETRY_DELAY", 0.01)
    await source.stop()
    client = make(update_interval=0.05)
    changed = asyncio.Event()
    client.on_change(lambda _: changed.set())
    task = asyncio.create_task(client.run())
    while client.status.error_code is None:
        await asyncio.sleep(0.01)
    await source.start()
    async with asyncio.timeout(5):
        await changed.wait()
        while client.status.error_code is not None:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_delays_double_up_to_the_interval(make: Make) -> None:
    client = make(update_interval=60.0)
    assert client._delay(0) == 60.0
    for failures, expected in ((1, 2.0), (2, 4.0), (5, 32.0), (6, 60.0), (1000, 60.0)):
        assert 0.8 * expected <= client._delay(failures) <= 1.2 * expected


async def test_a_disk_that_takes_nothing_does_not_stop_the_server(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock, tmp_path: Path
) -> None:
    client = make()
    await client.refresh()
    (tmp_path / "globalconf.generations").rename(tmp_path / "away")
    (tmp_path / "globalconf.generations").write_text("no directory")
    source.members = 7
    source.publish(at=clock.advance(minutes=1))
    with pytest.raises(PlatformError) as error:
        await client.refresh()
    assert error.value.code == "global_conf_part_file_save_failure"
    assert client.current is not None
    assert len(client.current.shared("DEV", clock.now).members) == 7
    (tmp_path / "globalconf.generations").unlink()
    (tmp_path / "away").rename(tmp_path / "globalconf.generations")
    await client.refresh()
    assert len(load_globalconf(client.directory).shared("DEV", clock.now).members) == 7


async def test_rubbish_on_disk_is_replaced(make: Make, tmp_path: Path, clock: SteppingClock) -> None:
    (tmp_path / "globalconf" / "DEV").mkdir(parents=True)
    (tmp_path / "globalconf" / "instance-identifier").write_text("DEV")
    (tmp_path / "globalconf" / "DEV" / "shared-params.xml").write_text("half")
    client = make()
    assert await client.restore() is None
    await client.refresh()
    assert load_globalconf(client.directory).instance_identifier == "DEV"


async def test_a_reference_servers_directory_is_taken_over(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock, tmp_path: Path
) -> None:
    """An upgrade in place: a real directory written by another program; its configuration holds until the first refresh."""
    await make().refresh()
    (tmp_path / "globalconf").resolve().rename(tmp_path / "real")
    (tmp_path / "globalconf").unlink()
    (tmp_path / "real").rename(tmp_path / "globalconf")
    client = make()
    restored = await client.restore()
    assert restored is not None and restored.instance_identifier == "DEV"
    source.members = 3
    source.publish(at=clock.advance(minutes=1))
    await client.refresh()
    assert client.directory.is_symlink()
    assert len(load_globalconf(client.directory).shared("DEV", clock.now).members) == 3


# -- the anchor --------------------------------------------------------------------------------------------------------


async def test_an_anchor_file_is_read_at_each_refresh(
    make: Make, source: ConfigurationSourceServer, tmp_path: Path
) -> None:
    path = tmp_path / "anchor.xml"
    client = make(path)
    assert await refused(client) == "anchor_file_not_found"
    path.write_bytes(b"half")
    assert await refused(client) == "malformed_anchor"
    path.write_bytes(render_anchor(source.anchor(url="http://[::1/internalconf")))
    assert await refused(client) == "malformed_anchor"
    path.write_bytes(render_anchor(source.anchor()))
    await client.refresh()
    async with ConfigurationSourceServer("OTHER") as other:
        other.publish(at=client._clock())
        path.write_bytes(render_anchor(other.anchor()))
        assert (await client.refresh()).instance_identifier == "OTHER"
        assert {p.name for p in client.directory.iterdir()} == {"instance-identifier", "OTHER"}


# -- federation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "downloaded"),
    [
        ("none", False),
        ("", False),
        ("all", True),
        ("par", True),
        ("ZZ, Par ", True),
        ("ZZ", False),
        ("all,none", False),
    ],
)
async def test_partners_are_downloaded_where_allowed(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock, allowed: str, downloaded: bool
) -> None:
    async with ConfigurationSourceServer("PAR") as partner:
        partner.publish(at=clock.now)
        source.partners = [partner.anchor("external")]
        source.publish(at=clock.now)
        client = make(allowed_federations=allowed)
        globalconf = await client.refresh()
        assert globalconf.is_known_client(ClientId("PAR", "COM", "1"), clock.now) is downloaded
        assert (client.directory / "PAR" / "shared-params.xml").exists() is downloaded
        assert not (client.directory / "PAR" / "private-params.xml").exists()


async def test_a_partner_that_fails_keeps_its_last_and_expires_alone(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    async with ConfigurationSourceServer("PAR") as partner:
        partner.publish(at=clock.now, lifetime=timedelta(minutes=5))
        source.partners = [partner.anchor("external")]
        source.publish(at=clock.now)
        client = make(allowed_federations="all")
        await client.refresh()
        await partner.stop()
        source.publish(at=clock.advance(minutes=4))
        member = ClientId("PAR", "COM", "1")
        assert (await client.refresh()).is_known_client(member, clock.now)
        source.publish(at=clock.advance(minutes=2))
        globalconf = await client.refresh()
        globalconf.ensure_valid(clock.now)
        assert not globalconf.is_known_client(member, clock.now)
        await partner.start()
        partner.publish(at=clock.now)
        assert (await client.refresh()).is_known_client(member, clock.now)
        source.partners = []
        source.publish(at=clock.advance(minutes=1))
        assert (await client.refresh()).instances(clock.now) == ("DEV",)
        assert not (client.directory / "PAR").exists()


async def test_a_partners_anchor_without_a_url_is_the_partners_loss(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    source.partners = [ConfigurationAnchor("PAR", (AnchorSource("http://[::1/externalconf", (b"x",)),))]
    source.publish(at=clock.now)
    assert (await make(allowed_federations="all").refresh()).instances(clock.now) == ("DEV",)


async def test_a_partner_cannot_speak_for_us(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """A directory of the partner's that lists SHARED-PARAMETERS of our instance: the reference would overwrite ours."""
    async with ConfigurationSourceServer("PAR") as partner:
        forged = replace(source.shared(), members=())
        partner.other_parts = [
            DirectoryPart(SHARED_PARAMETERS, "DEV", "dev/shared-params.xml", render_shared_parameters(forged))
        ]
        partner.publish(at=clock.now)
        source.partners = [partner.anchor("external")]
        source.publish(at=clock.now)
        globalconf = await make(allowed_federations="all").refresh()
        assert globalconf.is_known_client(ClientId("DEV", "COM", "1"), clock.now)
        assert globalconf.is_known_client(ClientId("PAR", "COM", "1"), clock.now)


async def test_partners_passed_on_by_a_configuration_proxy(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    """The partner's own source cannot be reached; the main source, a proxy, lists its shared parameters too."""
    partner = ConfigurationSourceServer("PAR")
    unreachable = ConfigurationAnchor(
        "PAR", (AnchorSource("http://127.0.0.1:9/externalconf", (b"certificate",)),)
    )
    passed_on = replace(partner.shared(), sources=(ConfigurationSource("127.0.0.1:9"),))
    source.partners = [unreachable]
    source.other_parts = [
        DirectoryPart(SHARED_PARAMETERS, "PAR", "PAR/shared-params.xml", render_shared_parameters(passed_on))
    ]
    source.publish(at=clock.now, versions=(6,))
    member = ClientId("PAR", "COM", "1")
    assert not (await make().refresh()).is_known_client(member, clock.now), "not without leave"
    globalconf = await make(allowed_federations="PAR").refresh()
    assert globalconf.is_known_client(member, clock.now)


async def test_another_process_takes_up_what_one_has_published(
    make: Make, source: ConfigurationSourceServer, clock: SteppingClock
) -> None:
    one, other = make(), make()
    assert not await other.take_up()
    first = await one.refresh()
    heard: list[object] = []
    other.on_change(heard.append)
    assert await other.take_up()
    assert other.current is not None and other.current.valid_until == first.valid_until
    assert not await other.take_up()
    clock.advance(minutes=1)
    source.publish(at=clock.now)
    again = await one.refresh()
    asked = len(source.requests)
    assert await other.take_up()
    assert other.current.valid_until == again.valid_until > first.valid_until
    assert heard[-1] is other.current and len(heard) == 2
    assert len(source.requests) == asked, "it asks nobody"
    assert not await one.take_up(), "one's own is no news"
