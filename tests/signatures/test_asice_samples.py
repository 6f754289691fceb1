"""X-Road's sample containers: what is read, what is refused, and with which code."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from sild.errors import PlatformError
from sild.signatures import (
    AsicContainer,
    parse_signature,
    read_asice,
    verify_hash_chain,
    verify_signature,
    write_asice,
)

AT = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)


def test_expected_verdicts_up_to_trust(shared: Path) -> None:
    """All that can be decided without a global configuration, in the reference's order (WIRE 8.3)."""
    folder = shared / "asice"
    for name, expected in json.loads((folder / "expected.json").read_text())["containers"].items():
        data = (folder / name).read_bytes()
        assert sha256(data).hexdigest() == expected["sha256"]
        try:
            container = read_asice(io.BytesIO(data))
            if expected["stage"] == "verify":
                check(container)
            code = None
        except PlatformError as error:
            code = error.code
        assert (code or "") == (expected["error"] or "").rpartition(".")[2], name


def check(container: AsicContainer) -> None:
    signature = parse_signature(container.signature)
    files = container.files
    if container.ts_hash_chain_result is not None:
        verify_hash_chain(
            container.ts_hash_chain_result, files=files, inputs={"/META-INF/signatures.xml": None}
        )
    if signature.covers("/sig-hashchainresult.xml"):
        assert container.hash_chain_result is not None
        verify_hash_chain(
            container.hash_chain_result,
            files=files,
            inputs={"/message.xml": None},
            optional=("/attachment1",),
        )
        verify_signature(signature, parts={"/sig-hashchainresult.xml": container.hash_chain_result})
    else:
        parts = {"/message.xml": container.message}
        parts |= {f"/{attachment.name}": attachment.part() for attachment in container.attachments}
        verify_signature(signature, parts=parts)


def test_samples_written_again_read_the_same(shared: Path) -> None:
    for path in sorted((shared / "asice").glob("valid-*.asice")):
        with path.open("rb") as file:
            container = read_asice(file)
            copy = io.BytesIO()
            write_asice(container, copy, at=AT)
            again = read_asice(copy)
            assert again.files == container.files
            assert again.timestamp == container.timestamp


def test_single_time_stamp_covers_the_signature_value(shared: Path) -> None:
    with (shared / "asice/valid-signed-message.asice").open("rb") as file:
        signature = parse_signature(read_asice(file).signature)
    assert signature.timestamp is not None
    assert read_imprint(signature.timestamp) == signature.algorithm.digest_algorithm.digest(
        signature.signature_value
    )


def test_batch_time_stamp_covers_the_hash_chain_result(shared: Path) -> None:
    with (shared / "asice/valid-non-batch-rest.asice").open("rb") as file:
        container = read_asice(file)
    assert container.timestamp is not None
    assert container.ts_hash_chain_result is not None
    algorithm = parse_signature(container.signature).algorithm.digest_algorithm
    assert read_imprint(container.timestamp) == algorithm.digest(container.ts_hash_chain_result)


def read_imprint(token: bytes) -> bytes:
    """The hash in the token's MessageImprint: the first OCTET STRING of 64 bytes in it."""
    start = token.index(b"\x04\x40") + 2
    return token[start : start + 64]
