"""The interpreter's switches are turned by the first who enters and back by the last who leaves."""

from __future__ import annotations

import gc
import sys

import pytest

from sild.interpreter import building, yielding


def test_threads_yield_sooner_until_the_last_is_done() -> None:
    before = sys.getswitchinterval()
    first, second = yielding(), yielding()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(0.0005, rel=0.01)
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == before


def test_what_was_built_is_not_looked_at_again() -> None:
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    with building(), building():
        kept = [[number] for number in range(20_000)]
        assert gc.get_threshold()[2] > thresholds[2]
    assert gc.get_freeze_count() >= frozen + len(kept)
    assert gc.get_threshold() == thresholds
    gc.unfreeze()


def test_switches_turn_back_after_a_failure() -> None:
    before = (sys.getswitchinterval(), gc.get_threshold())
    with pytest.raises(ZeroDivisionError), yielding(), building():
        raise ZeroDivisionError
    assert (sys.getswitchinterval(), gc.get_threshold()) == before
    gc.unfreeze()
