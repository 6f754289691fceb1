"""What `/asic` and `/verificationconf` give is taken in with care, and handles are kept as JSON: nothing on the wire here."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import CLIENT, ECHO

from sild.adapter import (
    CallerError,
    EvidenceHandle,
    PeerError,
    PlatformError,
    ServiceId,
    TrustError,
    Unavailable,
)
from sild.adapter.downloads import unpack_configuration
from sild.adapter.evidence import asic_refusal, asic_target, read_evidence


def test_what_is_asked() -> None:
    handle = EvidenceHandle(
        client=CLIENT.member,
        service=ECHO,
        query_id="a b&c/õ",
        request_id="r",
        request_hash=b"",
        answer_digest=None,
    )
    assert asic_target(handle, stamp_now=False) == (
        b"/asic?queryId=a%20b%26c%2F%C3%B5&xRoadInstance=DEV&memberClass=COM&memberCode=1"
    )
    assert asic_target(replace(handle, client=CLIENT), stamp_now=True).endswith(
        b"&subsystemCode=Client&force"
    )


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (400, b"Parameter missing", CallerError),
        (401, b"Client (SUBSYSTEM:...) specifies HTTPS", TrustError),
        (404, b"No signed documents found", CallerError),
        (500, b"Message signature has not been timestamped yet!", Unavailable),
        (500, b"", Unavailable),
    ],
)
def test_refusals(status: int, text: bytes, kind: type[PlatformError]) -> None:
    assert isinstance(asic_refusal(status, text), kind)


HANDLE = EvidenceHandle(
    client=CLIENT, service=ECHO, query_id="q", request_id="r", request_hash=b"h" * 64, answer_digest=b"d" * 64
)


def archive(*names: str, content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(name, content)
    return out.getvalue()


def test_bombs_and_junk_for_evidence() -> None:
    for data in (
        b"",
        b"PK",
        archive("a.asice"),
        archive(*(f"{n}.asice" for n in range(500))),
        archive("a.asice", content=b"\0" * 2_000_000),
    ):
        with pytest.raises(PlatformError):
            read_evidence(data, HANDLE, max_bytes=1_000_000)


@given(st.binary(max_size=300))
def test_any_download_is_an_error_or_evidence(data: bytes) -> None:
    with pytest.raises(PeerError):
        read_evidence(data, HANDLE, max_bytes=1_000)


@given(
    st.binary(max_size=64),
    st.none() | st.binary(max_size=64),
    st.text(max_size=20),
    st.none() | st.text(max_size=20),
)
def test_handles_survive_json(
    request_hash: bytes, digest: bytes | None, query_id: str, request_id: str | None
) -> None:
    handle = EvidenceHandle(
        client=CLIENT,
        service=ServiceId(CLIENT.member, "svc", "v1"),
        query_id=query_id,
        request_id=request_id,
        request_hash=request_hash,
        answer_digest=digest,
    )
    assert EvidenceHandle.from_json(handle.to_json()) == handle


@pytest.mark.parametrize("text", ["", "null", "{}", "[1]", '{"client": 1}', "x"])
def test_handles_that_are_none(text: str) -> None:
    with pytest.raises(CallerError):
        EvidenceHandle.from_json(text)


@pytest.mark.parametrize(
    "name", ["../evil", "verificationconf/../../evil", "/etc/evil", "other/x", "verificationconf\\..\\x"]
)
def test_entries_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    below = tmp_path / "below"
    below.mkdir()
    with pytest.raises(PeerError):
        unpack_configuration(archive(name), below, max_bytes=1_000)
    assert list(tmp_path.iterdir()) == [below]
    assert list(below.rglob("*")) == []


def test_bombs_and_junk_for_a_configuration(tmp_path: Path) -> None:
    for data in (b"", b"PK", archive("verificationconf/a", content=b"\0" * 2_000)):
        with pytest.raises(PeerError):
            unpack_configuration(data, tmp_path, max_bytes=1_000)
