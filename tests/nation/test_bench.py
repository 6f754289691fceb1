"""`sild bench exchange` measures everything it is asked to (issue 2, Measured), however shortly."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product

import pytest


@pytest.mark.slow
def test_every_figure_is_there() -> None:
    command = [sys.executable, "-m", "sild", "bench", "exchange", "--seconds", "0.2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    points = [
        (point["key"], point["signatures"], point["connections"], point["clients"])
        for point in found["exchanges"]
    ]
    keys = ("RSA-2048", "EC-P256")
    expected = {
        *product(keys, ("single", "batch"), ("kept",), (1, 8, 64)),
        *product(keys, ("single",), ("new",), (64,)),
    }
    assert len(points) == len(expected)
    assert set(points) == expected
    for point in found["exchanges"]:
        assert point["errors"] == 0
        assert point["exchanges_per_second"] > 0
        assert 0 < point["latency_ms"]["p50"] <= point["latency_ms"]["p95"] <= point["latency_ms"]["p99"]
        assert point["cpu_microseconds_per_exchange"] > 0
        assert point["floor_ratio"] > 1
    for key in ("RSA-2048", "EC-P256"):
        assert found["floor_microseconds"][key].keys() == {
            "sign", "verify", "digest_24kB", "tls_records_20kB", "exchange",
        }  # fmt: skip
        assert found["added_latency_ms"][key]["p50"] > 0
        assert found["server"][key]["start_seconds"] > 0
        assert 0 < found["server"][key]["idle_memory_mb"] < 200
    large = found["large_body"]
    assert (large["status"], large["bytes_at_service"]) == (200, 100 * 2**20)
    assert large["megabytes_per_second"] > 0
    assert len(large["peak_memory_mb"]) == len(large["peak_memory_growth_mb"]) == 2
    assert max(large["peak_memory_growth_mb"]) < 50
    assert {"cpu", "cores", "python", "openssl", "system"} == found["machine"].keys()
