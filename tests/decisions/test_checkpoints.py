"""The log grows in batches, whatever dies in between; while nobody gives time-stamps, decisions go on."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from sild.decisions import Checkpointer, DecisionStore, checkpoints, tables
from sild.decisions.merkle import appended, consistency_path, inclusion_path, leaf_hash, root_of
from sild.errors import Unavailable

from .world import LocalStamps, Root, SetClock, draft, load_verifier

verifier = load_verifier()


class Tree:
    """Nodes in memory."""

    def __init__(self) -> None:
        self.size = 0
        self.nodes: dict[tuple[int, int], bytes] = {}

    def read(self, level: int, number: int) -> bytes:
        return self.nodes[level, number]

    def append(self, leaves: list[bytes]) -> None:
        for level, number, found in appended(self.size, [leaf_hash(leaf) for leaf in leaves], self.read):
            self.nodes[level, number] = found
        self.size += len(leaves)


def plain_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 2.1 writes it."""
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:half]) + plain_root(leaves[half:])).digest()


def test_roots_and_proofs_of_every_size() -> None:
    leaves = [str(number).encode() for number in range(40)]
    tree, at = Tree(), 0
    while at < 40:
        batch = random.Random(at).randint(1, 7)
        tree.append(leaves[at : at + batch])
        at += batch
    roots = {size: plain_root(leaves[:size]) for size in range(1, 41)}
    for size in range(1, 41):
        assert root_of(size, tree.read) == roots[size]
        for number in range(size):
            path = [one.hex() for one in inclusion_path(number, size, tree.read)]
            assert verifier.root_from(leaves[number], number, size, path) == roots[size]
            assert _other_root(leaves[number] + b"x", number, size, path) != roots[size]
        for old in range(1, size + 1):
            path = [one.hex() for one in consistency_path(old, size, tree.read)]
            assert verifier.is_grown(old, roots[old], size, roots[size], path)
            assert not verifier.is_grown(old, b"\0" * 32, size, roots[size], path)
    for wrong in (-1, 40):
        with pytest.raises(ValueError):
            inclusion_path(wrong, 40, tree.read)
    with pytest.raises(ValueError):
        consistency_path(0, 40, tree.read)


def _other_root(leaf: bytes, number: int, size: int, path: list[str]) -> bytes:
    return bytes(verifier.root_from(leaf, number, size, path))


async def test_batches_and_heads(
    store: DecisionStore, root: Root, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "BATCH", 2)
    with store.engine.begin() as connection:
        for number in range(5):
            store.decide(connection, draft(store, case=f"case-{number}"))
    checkpointer = Checkpointer(store, LocalStamps(root.time_stamper(), clock), origin="SILD/GOV/1/x")
    assert await checkpointer.tick() == 5
    assert await checkpointer.tick() == 5
    with store.engine.connect() as connection:
        sizes = connection.scalars(
            select(tables.checkpoints.c.size).order_by(tables.checkpoints.c.size)
        ).all()
        stamped = connection.scalars(select(tables.timestamps.c.size)).all()
        assert (sizes, stamped) == ([2, 4, 5], [5])
        assert connection.scalar(select(func.count()).select_from(tables.waiting)) == 0


async def test_without_time_stamps_decisions_go_on(store: DecisionStore, root: Root, clock: SetClock) -> None:
    stamps = LocalStamps(root.time_stamper(), clock)
    stamps.is_down = True
    checkpointer = Checkpointer(store, stamps, origin="SILD/GOV/1/x")
    for number in range(2):
        with store.engine.begin() as connection:
            store.decide(connection, draft(store, case=f"case-{number}"))
        with pytest.raises(Unavailable):
            await checkpointer.tick()
    stamps.is_down = False
    assert await checkpointer.tick() == 2
    with store.engine.connect() as connection:
        assert connection.scalars(select(tables.timestamps.c.size)).all() == [2]


def test_two_processes_decide_in_one_case(store: DecisionStore) -> None:
    """The second waits for the first, or is told to try again; the chain has no fork."""
    refused: list[Unavailable] = []

    def decide_often() -> None:
        for _ in range(5):
            try:
                with store.engine.begin() as connection:
                    store.decide(connection, draft(store))
            except Unavailable as error:
                refused.append(error)

    threads = [threading.Thread(target=decide_often) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.engine.connect() as connection:
        chain = store.of_case(connection, "case-1")
    assert [one.position for one in chain] == list(range(len(chain)))
    assert [one.link["previous"] for one in chain[1:]] == [one.link_sha256 for one in chain[:-1]]
    assert len(chain) + len(refused) == 15 and not refused


@pytest.mark.parametrize("point", ["sequenced", "signed", "stamped"])
def test_killed_anywhere_the_log_goes_on(point: str, tmp_path: Path) -> None:
    program = Path(__file__).with_name("killed_program.py")
    killed = subprocess.run([sys.executable, program, tmp_path, point], capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    again = subprocess.run([sys.executable, program, tmp_path, "never"], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert again.stdout.split() == ["6", "holds"]
