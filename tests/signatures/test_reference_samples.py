"""Signature value, references and SignedProperties of every sample the reference implementation made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sild.errors import PlatformError, TrustError
from sild.signatures import Signature, parse_signature, verify_signature
from support.signed_messages import SIGNED_SAMPLES, Recorded

Read = Callable[[str], Recorded]


def referenced(signature: Signature, parts: dict[str, bytes]) -> dict[str, bytes]:
    return {reference.uri: parts[reference.uri] for reference in signature.references}


@pytest.mark.parametrize("name", SIGNED_SAMPLES)
def test_good_samples(name: str, sample: Read) -> None:
    recorded = sample(name)
    signature = parse_signature(recorded.signature, strict_schema=name.startswith("wire/"))
    verify_signature(signature, parts=referenced(signature, recorded.parts))
    assert len(signature.ocsp_responses) == 1
    assert signature.signing_time is not None


def test_replaced_message(sample: Read) -> None:
    recorded = sample("asice/wrong-message.asice")
    signature = parse_signature(recorded.signature)
    with pytest.raises(TrustError) as refusal:
        verify_signature(signature, parts=referenced(signature, recorded.parts))
    assert refusal.value.code == "invalid_signature_value"


def test_reference_to_something_else(sample: Read) -> None:
    signature = parse_signature(sample("asice/invalid-incorrect-references.asice").signature)
    assert not signature.covers("/message.xml")
    with pytest.raises(PlatformError) as refusal:
        verify_signature(signature, parts={"/message.xml": b""})
    assert refusal.value.code == "malformed_signature"


def test_signatures_of_other_software_are_refused_on_line(sample: Read) -> None:
    recorded = sample("asice/valid-non-batch-rest.asice")
    with pytest.raises(PlatformError) as refusal:
        parse_signature(recorded.signature, strict_schema=True)
    assert refusal.value.code == "malformed_signature"


def test_single_time_stamp_is_found(sample: Read) -> None:
    assert parse_signature(sample("asice/valid-signed-message.asice").signature).timestamp is not None
    assert parse_signature(sample("wire/02.req").signature).timestamp is None
