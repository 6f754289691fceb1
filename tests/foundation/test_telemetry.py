"""A log line is one JSON object with whose fault it was."""

import json
import logging
from collections.abc import Iterator

import pytest

from sild.errors import TrustError
from sild.telemetry import configure_logging, get_logger, request_id


@pytest.fixture(autouse=True)
def fresh_logging() -> Iterator[None]:
    """What `configure_logging` sets is for a process's life: put it back for the tests that follow."""
    logger = logging.getLogger("sild")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def test_refusal_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    with request_id("0d2a4c5e"):
        get_logger("server_proxy").refusal(
            "message.refused", TrustError("altered", member="DEV:COM:1"), peer="127.0.0.1"
        )
    line = json.loads(capsys.readouterr().err)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "warning",
        "room": "server_proxy",
        "event": "message.refused",
        "fault": "TrustError",
        "code": "cert_validation",
        "message": "altered",
        "member": "DEV:COM:1",
        "peer": "127.0.0.1",
        "request_id": "0d2a4c5e",
    }


def test_a_bug_keeps_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        _ = 1 // 0
    except ZeroDivisionError as error:
        get_logger("server_proxy").bug("message.failed", error)
    line = json.loads(capsys.readouterr().err)
    assert line["error"] == "ZeroDivisionError"
    assert "test_telemetry.py" in line["trace"]
