"""The public directory: nobody meets half a configuration, and nothing lies there for ever."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from central_server.central_world import OTHER
from configuration_proxy.proxy_world import PROXY, ProxyWorld
from sild.configuration_proxy.publication import PublicDirectory
from sild.errors import Unavailable
from sild.xroad.globalconf import SHARED_PARAMETERS

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
MS = 1772366400000


@pytest.fixture
def public(tmp_path: Path) -> PublicDirectory:
    directory = PublicDirectory(tmp_path / "public" / "PROXY")
    with directory.publisher():
        pass
    return directory


def listing(name: str, expires: str = "2026-03-01T12:10:00.000Z") -> bytes:
    return f"expire-date: {expires}\r\n\r\ncontent-location: /PROXY/{name}/DEV/a.xml\r\n".encode()


def names(public: PublicDirectory) -> list[str]:
    return sorted(path.name for path in public.path.iterdir() if path.name != ".lock")


def test_names_are_milliseconds_and_never_go_back(public: PublicDirectory) -> None:
    first = public.write_files({"DEV/V6/a.xml": b"a"}, AT)
    second = public.write_files({"DEV/V6/a.xml": b"b"}, AT)
    third = public.write_files({"DEV/V6/a.xml": b"c"}, AT - timedelta(days=1))
    assert [int(name) for name in (first, second, third)] == [MS, MS + 1, MS + 2]
    assert (public.path / second / "DEV/V6/a.xml").read_bytes() == b"b"


def test_many_at_once_do_not_collide(public: PublicDirectory) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(public.write_files({"DEV/a.xml": b"a"}, AT)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, found)) == list(range(MS, MS + 8))


def test_files_stay_while_they_are_listed_and_ten_minutes_longer(public: PublicDirectory) -> None:
    old = public.write_files({"DEV/a.xml": b"a"}, AT)
    public.publish(6, listing(old))
    public.clean(AT + timedelta(days=3))
    new = public.write_files({"DEV/a.xml": b"b"}, AT + timedelta(days=3))
    public.publish(6, listing(new))
    public.clean(AT + timedelta(days=3, seconds=600))
    assert names(public) == [old, new, "conf-v6"]
    public.clean(AT + timedelta(days=3, seconds=601))
    assert names(public) == [new, "conf-v6"]


def test_what_a_crash_left_behind_goes(public: PublicDirectory) -> None:
    (public.path / f".{MS}" / "DEV").mkdir(parents=True)
    unlisted = public.write_files({"DEV/a.xml": b"a"}, AT)
    assert int(unlisted) == MS + 1
    public.clean(AT)
    assert names(public) == [unlisted]
    public.clean(datetime.now(UTC) + timedelta(seconds=601))
    assert names(public) == []


def test_one_publisher_at_a_time(public: PublicDirectory) -> None:
    with public.publisher():
        with pytest.raises(Unavailable, match="global_conf_distribution_error"):
            with PublicDirectory(public.path).publisher():
                pass
    with PublicDirectory(public.path).publisher():
        pass


def test_only_the_expired_is_withdrawn(public: PublicDirectory) -> None:
    public.publish(6, listing("1772366400000"))
    assert not public.withdraw_expired(6, AT)
    assert not public.withdraw_expired(5, AT)
    assert public.withdraw_expired(6, AT + timedelta(minutes=10))
    assert names(public) == []


def test_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "public").write_text("a file where a directory should be")
    with pytest.raises(Unavailable, match="global_conf_distribution_error"):
        with PublicDirectory(tmp_path / "public" / "PROXY").publisher():
            pass


async def test_a_reader_always_meets_a_whole_configuration(world: ProxyWorld) -> None:
    """While one publication follows another: whatever is served verifies, and every file it lists is there."""
    await world.proxy.mediate(PROXY)
    stop = threading.Event()
    read: list[bytes] = []
    failures: list[BaseException] = []

    def reader() -> None:
        try:
            while not stop.is_set():
                read.append(world.content(6, SHARED_PARAMETERS))
        except BaseException as error:  # shown by the test
            failures.append(error)

    thread = threading.Thread(target=reader)
    thread.start()
    for number in range(15):
        world.source.server.rename_member(OTHER, f"Name {number}")
        await world.pass_on(seconds=1)
    stop.set()
    thread.join()
    assert not failures
    assert len(set(read)) > 3


async def test_two_processes_take_turns(world: ProxyWorld) -> None:
    """A second one for high availability on shared storage: it publishes what it can, nothing is torn."""
    second = world.open_proxy()
    await second.log_in("1234")
    await world.proxy.mediate(PROXY)
    world.source.server.rename_member(OTHER, "By the second")
    world.clock.advance(1)
    world.source.server.publish()
    await second.mediate(PROXY)
    client = world.client()
    assert (await client.refresh()).member_name(OTHER, world.clock.at) == "By the second"
    await world.pass_on()
    assert (await client.refresh()).member_name(OTHER, world.clock.at) == "By the second"
