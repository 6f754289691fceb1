"""Neither a process killed at any point of a publication nor a reader at any moment meets half a configuration."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sild.configuration_client.generations import Generations
from sild.configuration_client.layout import Metadata, PublishedConfiguration, StoredFile, read_published
from sild.errors import Unavailable

AT = datetime(2026, 3, 1, tzinfo=UTC)


def configuration(content: str, *, instances: tuple[str, ...] = ("DEV", "PAR")) -> PublishedConfiguration:
    """Every file says the same word: a mixture would show."""

    def file(instance: str) -> StoredFile:
        return StoredFile(
            content.encode() * 1000, Metadata("X", instance, AT, content_location=f"/{content}")
        )

    return PublishedConfiguration(
        "DEV", {i: {"shared-params.xml": file(i), "private-params.xml": file(i)} for i in instances}
    )


def words(found: PublishedConfiguration) -> set[str]:
    return {
        word
        for files in found.instances.values()
        for file in files.values()
        for word in (
            file.content.decode()[: len(file.content) // 1000],
            (file.metadata.content_location or "")[1:],
        )
    }


def test_what_is_published_is_read(tmp_path: Path) -> None:
    generations = Generations(tmp_path / "globalconf")
    assert generations.read() is None
    for word in ("one", "two", "three"):
        generations.publish(configuration(word))
        assert generations.read() == configuration(word)
    kept = [p.name for p in generations.root.iterdir() if p.is_dir()]
    assert sorted(kept) == ["000000000001", "000000000002"], (
        "the newest and the one before, for readers still there"
    )


def test_unchanged_files_are_not_written_again(tmp_path: Path) -> None:
    generations = Generations(tmp_path / "globalconf")
    generations.publish(configuration("one"))
    before = (tmp_path / "globalconf/DEV/shared-params.xml").stat().st_ino
    changed = configuration("one")
    files = dict(changed.instances["PAR"])
    files["shared-params.xml"] = StoredFile(b"new", files["shared-params.xml"].metadata)
    generations.publish(PublishedConfiguration("DEV", {**changed.instances, "PAR": files}))
    assert (tmp_path / "globalconf/DEV/shared-params.xml").stat().st_ino == before
    assert (tmp_path / "globalconf/PAR/shared-params.xml").read_bytes() == b"new"


def test_a_link_to_a_file_is_never_written_through(tmp_path: Path) -> None:
    generations = Generations(tmp_path / "globalconf")
    generations.publish(configuration("one"))
    old = (tmp_path / "globalconf").resolve()
    generations.publish(configuration("two"))
    assert words(read_published(old)) == {"one"}


def publish_and_die(directory: Path, steps: int) -> str | None:
    """Publish in a child killed after `steps` steps. The name of the last; None when it came to its end."""
    told = directory.parent / "step"

    def step(name: str) -> None:
        nonlocal steps
        steps -= 1
        if steps < 0:
            told.write_text(name)
            os.kill(os.getpid(), signal.SIGKILL)

    with warnings.catch_warnings():  # other threads of this process are none of the child's business
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            Generations(directory, step=step).publish(configuration("new"))
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        return None
    assert os.WTERMSIG(status) == signal.SIGKILL
    return told.read_text()


@pytest.mark.parametrize("start", ["nothing", "one generation", "a directory of another program"])
def test_killed_at_every_point(tmp_path: Path, start: str) -> None:
    """Kill, look as a reader, restart, look again, publish: old or new, whole, and never nothing where there was something."""
    killed_after = []
    for steps in range(100):
        directory = tmp_path / str(steps) / "globalconf"
        directory.parent.mkdir()
        if start != "nothing":
            for word in ("older", "old"):
                Generations(directory).publish(configuration(word))
        if start == "a directory of another program":
            real = directory.resolve()
            directory.unlink()
            real.rename(directory)
            Generations(directory).root.rename(directory.parent / "away")
        step = publish_and_die(directory, steps)
        if step != "set aside" and (start != "nothing" or directory.exists()):
            assert words(read_published(directory)) in ({"old"}, {"new"})
        restarted = Generations(directory)
        found = restarted.read()
        if start != "nothing" or step is None:
            assert found is not None
        assert found is None or words(found) in ({"old"}, {"new"})
        restarted.publish(configuration("next"))
        assert words(read_published(directory)) == {"next"}
        left = [p.name for p in restarted.root.iterdir() if not p.name.isdigit()]
        assert left == ["lock"], "nothing unfinished stays"
        if step is None:
            break
        killed_after.append(step)
    assert {"finished", "prepared link", "linked"} <= set(killed_after)
    assert len(killed_after) >= 12
    assert ("set aside" in killed_after) is (start == "a directory of another program")


def test_a_reader_never_sees_two_generations_at_once(tmp_path: Path) -> None:
    directory = tmp_path / "globalconf"
    generations = Generations(directory)
    generations.publish(configuration("w0"))
    stop = threading.Event()
    seen: list[set[str]] = []

    def read() -> None:
        while not stop.is_set():
            seen.append(words(read_published(directory)))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 40):
        generations.publish(configuration(f"w{number}"))
    stop.set()
    for reader in readers:
        reader.join()
    assert len(seen) > 10
    assert all(len(found) == 1 for found in seen)


def test_two_publishers_take_turns(tmp_path: Path) -> None:
    directory = tmp_path / "globalconf"

    def publish() -> None:
        for _ in range(10):
            Generations(directory).publish(configuration("x"))

    publishers = [threading.Thread(target=publish) for _ in range(2)]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    assert words(read_published(directory)) == {"x"}


def test_what_the_disk_refuses_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    generations = Generations(tmp_path / "file" / "globalconf")
    for act in (generations.read, lambda: generations.publish(configuration("x"))):
        with pytest.raises(Unavailable) as refused:
            act()
        assert refused.value.code == "global_conf_part_file_save_failure"


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", no_links)
    generations = Generations(tmp_path / "globalconf")
    for _ in range(2):
        generations.publish(configuration("one"))
    assert generations.read() == configuration("one")
