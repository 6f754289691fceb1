"""The writing thread ends when it is told to, also when background work is taken from the queue in the same round."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from sild.message_log.entries import Entry
from sild.message_log.writer import GroupCommit


class Nowhere:
    """An engine that keeps nothing."""

    def take_ids(self, count: int) -> range:
        return range(count)

    def append(self, entries: Sequence[Entry]) -> None: ...

    def close(self) -> None: ...


def test_close_while_slices_wait() -> None:
    def use() -> None:
        for _ in range(100):
            writer = GroupCommit(Nowhere())
            writer.run_slice(lambda: time.sleep(0.001))
            writer.run_slice(lambda: None)
            writer.close()

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
