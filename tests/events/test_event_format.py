"""Events are CloudEvents in JSON; what is none, or too large, is refused by name and nothing else happens."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import PeerError
from sild.events import parse_event, render_event

from .conftest import event


def test_reads_what_it_writes() -> None:
    content = render_event(event())
    assert parse_event(content) == event()
    written = json.loads(content)
    assert written["specversion"] == "1.0"
    assert written["time"] == "2026-03-02T08:00:00Z"
    assert written["datacontenttype"] == "application/json"


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"specversion": None},
        {"id": ""},
        {"id": 7},
        {"source": None},
        {"type": ["civil"]},
        {"subject": None},
        {"subject": "x" * 2_000},
        {"time": None},
        {"time": "yesterday"},
        {"time": "2026-03-02T08:00:00"},
        {"data": [1, 2]},
        {"Bad-Name": "x"},
        {"caseid": 5},
        {"data": {"text": "x" * 70_000}},
    ],
)
def test_refused(change: dict[str, object]) -> None:
    written = {**json.loads(render_event(event())), **change}
    content = json.dumps({name: value for name, value in written.items() if value is not None}).encode()
    with pytest.raises(PeerError) as refused:
        parse_event(content)
    assert refused.value.code == "invalid_event"


@given(st.binary(max_size=400))
def test_any_bytes_give_an_event_or_a_peer_error(content: bytes) -> None:
    try:
        parse_event(content)
    except PeerError as error:
        assert error.code == "invalid_event"


@given(st.data())
def test_any_cut_or_change_gives_an_event_or_a_peer_error(data: st.DataObject) -> None:
    content = bytearray(render_event(event()))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        parse_event(bytes(content))
    except PeerError as error:
        assert error.code == "invalid_event"
