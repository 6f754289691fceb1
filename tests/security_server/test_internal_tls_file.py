"""The internal TLS key's file is its owner's alone, whatever an earlier process left behind."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from sild.security_server.internal_tls import InternalTls
from sild.signer import KeyAlgorithm

AT = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_draft_that_was_left_behind(tmp_path: Path) -> None:
    """A process that was killed had the same number: containers count from 1 again."""
    draft = tmp_path / f".internal-tls.pem.{os.getpid()}"
    draft.write_bytes(b"")
    draft.chmod(0o644)
    made = InternalTls(tmp_path, host_names=("h",), at=AT, key_algorithm=KeyAlgorithm.EC_P256)
    assert (tmp_path / "internal-tls.pem").stat().st_mode & 0o777 == 0o600
    again = InternalTls(tmp_path, host_names=("h",), at=AT, key_algorithm=KeyAlgorithm.EC_P256)
    assert again.certificate == made.certificate
