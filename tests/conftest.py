"""Fixtures every room's tests share."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# A shared machine is slow at times; how long one example takes says nothing. `make properties` runs the second profile.
settings.register_profile("default", deadline=None)
settings.register_profile("long", deadline=None, max_examples=20_000)

# Databases of tests in memory where there is room: a disk takes milliseconds for every commit. TMPDIR says otherwise.
MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 6 << 30:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "xroad"


# Files that take a minute or more, longest first. With several workers they are begun first: the last to begin ends last.
LONG = [
    "cases/test_birth_killed.py",
    "nation/test_moves_in_a_browser.py",
    "nation/test_births_in_a_browser.py",
]


def pytest_collection_finish() -> None:
    """A worker holds ten thousand tests and all their modules: the collector does not look through them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {Path(__file__).parent / name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path, len(LONG)))


@pytest.fixture(scope="session", autouse=True)
def ports_of_this_worker() -> None:
    """Several workers choose ports at once, and some give them up for a moment: each chooses among its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        from sild.nation import layout  # here: a single test need not wait for all of a nation

        share = (layout.PAST_LAST_PORT - layout.FIRST_PORT) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        layout.FIRST_PORT += share * int(worker.removeprefix("gw"))
        layout.PAST_LAST_PORT = layout.FIRST_PORT + share


@pytest.fixture(scope="session")
def shared() -> Path:
    """X-Road's own schemas, vectors and recorded exchanges. They are not part of this repository."""
    if not SHARED.is_dir():
        pytest.skip(f"X-Road's sample data is not on this machine (looked in {SHARED})")
    return SHARED
