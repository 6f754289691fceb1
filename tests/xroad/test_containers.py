"""Evidence containers: the reference's samples with verdict and code, time-stamps, and the time of judging (WIRE 8.3)."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.configuration_client import load_globalconf
from sild.errors import PlatformError
from sild.pki import DigestAlgorithm, TimeStampAuthority, build_timestamp_request, parse_timestamp_response
from sild.signatures import (
    AsicContainer,
    SignedPart,
    add_timestamp,
    build_hash_chains,
    read_asice,
    signature_value_bytes,
    write_asice,
)
from sild.xroad.evidence import EvidenceReport, verify_container
from support.pki import NOW, Pki
from support.two_members import CLIENT, REQUEST, TwoMembers

LATER = NOW + timedelta(minutes=10)


@pytest.fixture(scope="module")
def world() -> TwoMembers:
    return TwoMembers()


def token(imprint: bytes, pki: Pki, *, minutes: int = 10) -> bytes:
    authority = TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, "1.2.3")
    request = build_timestamp_request(DigestAlgorithm.SHA512.digest(imprint))
    at = NOW + timedelta(minutes=minutes)
    return parse_timestamp_response(authority.answer(request, at=at, serial_number=1))


def single(world: TwoMembers, *, pki: Pki | None = None, minutes: int = 10) -> AsicContainer:
    sealed = world.seal()
    stamp = token(signature_value_bytes(sealed.signature), pki or world.pki, minutes=minutes)
    return AsicContainer(message=sealed.message, signature=add_timestamp(sealed.signature, stamp))


def batch(world: TwoMembers) -> AsicContainer:
    """Two signatures under one time-stamp."""
    ours, other = world.seal(), world.seal(REQUEST.replace(b"limit=2", b"limit=3"))
    leaves = [
        [SignedPart("/META-INF/signatures.xml", DigestAlgorithm.SHA512.digest(sealed.signature))]
        for sealed in (ours, other)
    ]
    chains = build_hash_chains(leaves, file_name="/ts-hashchain.xml")
    return AsicContainer(
        message=ours.message,
        signature=ours.signature,
        timestamp=token(chains.result, world.pki),
        ts_hash_chain_result=chains.result,
        ts_hash_chain=chains.chains[0],
    )


def refusal(world: TwoMembers, container: AsicContainer, **when: object) -> str:
    with pytest.raises(PlatformError) as caught:
        verify_container(container, world.globalconf, **when)  # type: ignore[arg-type]  # `at`
    return caught.value.code_path


# --- samples


def test_samples(shared: Path) -> None:
    globalconf = load_globalconf(shared / "globalconf/dirs/globalconf_good2_v3")
    for name, sample in json.loads((shared / "asice/expected.json").read_text())["containers"].items():
        data = (shared / "asice" / name).read_bytes()
        if sample["verdict"] == "loads":
            assert read_asice(io.BytesIO(data)).message, name
            continue
        code = None
        try:
            verify_container(read_asice(io.BytesIO(data)), globalconf)
        except PlatformError as error:
            code = error.code_path
        assert code == sample["error"], name


def test_what_a_sample_says(shared: Path) -> None:
    globalconf = load_globalconf(shared / "globalconf/dirs/globalconf_good2_v3")
    with (shared / "asice/valid-signed-hashchain.asice").open("rb") as file:
        report = verify_container(read_asice(file), globalconf)
    assert (report.kind, str(report.signer)) == ("soap-request", "DEV:COM:4321:TestClient")
    assert [(r.uri, r.verified) for r in report.references][1:] == [
        ("/message.xml", True),
        ("/attachment1", False),
    ]
    assert report.timestamp is not None
    assert report.at == report.timestamp.gen_time


# --- time


def test_judged_at_the_time_stamp(world: TwoMembers) -> None:
    for container in (single(world), batch(world)):
        report = verify_container(container, world.globalconf)
        assert (report.at, report.signer) == (LATER, CLIENT)


def test_judged_at_another_time(world: TwoMembers) -> None:
    report = verify_container(single(world), world.globalconf, at=NOW)
    assert report.at == NOW
    stale = refusal(world, single(world), at=NOW + timedelta(hours=3))
    assert stale == "invalid_cert_path.incorrect_validation_info"


def test_a_time_stamp_long_after_the_status(world: TwoMembers) -> None:
    assert refusal(world, single(world, minutes=90)) == "invalid_cert_path.incorrect_validation_info"


def test_no_time_stamp(world: TwoMembers) -> None:
    sealed = world.seal()
    bare = AsicContainer(message=sealed.message, signature=sealed.signature)
    assert refusal(world, bare) == "asic_timestamp_not_found"
    assert "no time-stamp" in verify_container(bare, world.globalconf, at=NOW).remarks[0]


def test_a_time_stamp_of_an_unknown_authority(world: TwoMembers) -> None:
    assert refusal(world, single(world, pki=Pki(common_name="Another"))) == "internal_error"


def test_a_time_stamp_over_something_else(world: TwoMembers) -> None:
    sealed = world.seal()
    other = add_timestamp(sealed.signature, token(b"something else", world.pki))
    assert refusal(world, AsicContainer(message=sealed.message, signature=other)) == "malformed_signature"
    container = batch(world)
    assert refusal(world, replace(container, timestamp=token(b"x", world.pki))) == "malformed_signature"
    assert refusal(world, replace(container, ts_hash_chain_result=None)) == "malformed_signature"


def test_a_signature_that_is_not_under_the_batch(world: TwoMembers) -> None:
    other = world.seal(REQUEST.replace(b"limit=2", b"limit=4"))
    foreign = replace(batch(world), message=other.message, signature=other.signature)
    assert refusal(world, foreign) == "malformed_signature"


def test_a_bad_time_stamp_counts_whatever_the_time_asked_for(world: TwoMembers) -> None:
    container = replace(batch(world), timestamp=token(b"x", world.pki))
    assert refusal(world, container, at=NOW) == "malformed_signature"


# --- messages


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"neither", "invalid_message"),
        (b"", "invalid_message"),
        (b"<a/>", "invalid_message"),
        (REQUEST.replace(b"limit=2", b"limit=9"), "invalid_signature_value"),
        (REQUEST.replace(b"4422/Client", b"1234/Service"), "incorrect_certificate"),
    ],
)
def test_another_message(world: TwoMembers, message: bytes, code: str) -> None:
    assert refusal(world, replace(single(world), message=message)) == code


def test_a_report_of_a_refusal_says_what_was_found(world: TwoMembers) -> None:
    report = EvidenceReport()
    forged = replace(single(world), message=REQUEST.replace(b"limit=2", b"limit=9"))
    with pytest.raises(PlatformError):
        verify_container(forged, world.globalconf, report=report)
    assert (report.signer, report.certificate) == (CLIENT, None)
    assert [reference.verified for reference in report.references] == [False]


# --- properties


@cache
def written() -> tuple[TwoMembers, bytes]:
    world, file = TwoMembers(), io.BytesIO()
    write_asice(batch(world), file, at=NOW)
    return world, file.getvalue()


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.binary(max_size=3))
def test_a_mangled_container_is_refused_or_still_says_the_same(start: float, end: float, new: bytes) -> None:
    """Pieces doubled (end before start), lost or replaced."""
    world, whole = written()
    mangled = whole[: int(start * len(whole))] + new + whole[int(end * len(whole)) :]
    try:
        report = verify_container(read_asice(io.BytesIO(mangled)), world.globalconf)
    except PlatformError:
        return
    assert (report.signer, report.query_id) == (CLIENT, "DEV-1")
