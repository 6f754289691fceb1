"""A body of any size passes through little memory: client, relay and sink in one process, there and back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MAIN = Path(__file__).with_name("stream_main.py")


@pytest.mark.parametrize(("megabytes", "tls"), [(1024, "plain"), (128, "tls")])
def test_a_large_body_through_bounded_buffers(megabytes: int, tls: str) -> None:
    done = subprocess.run(
        [sys.executable, MAIN, str(megabytes), tls], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    grown_kib, _rate = map(int, done.stdout.split())
    assert grown_kib < 4096
