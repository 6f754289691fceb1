"""Reading error reports in tests."""

from __future__ import annotations

import json
import re

from sild.http1 import Fetched

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def error_of(answer: Fetched) -> tuple[int, str]:
    """Status and code of an X-Road error report, after checking that header and JSON body agree."""
    header = (answer.header(b"x-road-error") or b"").decode()
    assert header, f"no X-Road-Error: {answer.status} {answer.body[:300]!r}"
    body = json.loads(answer.body)
    assert set(body) == {"type", "message", "detail"}
    assert body["type"] == header
    assert body["message"]
    assert answer.header(b"content-type") == b"application/json"
    return answer.status, header


def detail_of(answer: Fetched) -> str:
    return str(json.loads(answer.body)["detail"])
