"""A paper's seal: whose it is, that nothing was changed after it, and what is no paper at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sild.decisions import KeySealer
from sild.documents import card_pdf, credential_in, seal_pdf, verify_sealed_pdf
from sild.errors import PeerError, PlatformError, TrustError
from sild.registries.deciding.body import open_seal

from .papers import AT, FUND, codes_in, face, issued, text_of

NOW = datetime.now(UTC)


@pytest.fixture
def paper(tmp_path: Path) -> bytes:
    return card_pdf(face(issued(tmp_path).credential), "vi", at=AT)


def sealer(directory: Path, name: str = "Health Insurance Fund") -> KeySealer:
    return open_seal(directory, "papers", FUND, name=name, at=NOW)


def refusal(pdf: bytes) -> str:
    with pytest.raises((TrustError, PeerError)) as refused:
        verify_sealed_pdf(pdf, [], body=FUND, at=NOW)
    return refused.value.code


def test_whose_it_is(paper: bytes, tmp_path: Path) -> None:
    seal = sealer(tmp_path)
    sealed = seal_pdf(paper, seal)
    assert sealed.startswith(paper), "the paper's own bytes stay"
    found = verify_sealed_pdf(sealed, [seal.chain[-1]], body=FUND, at=NOW)
    assert (found.authority, found.name, found.trusted) == (FUND, "Health Insurance Fund", True)
    ended = verify_sealed_pdf(sealed, [seal.chain[-1]], body=FUND, at=NOW + timedelta(days=4000))
    assert not ended.trusted, "expired, and nobody knows whether it was sealed before"
    assert codes_in(sealed) == [credential_in(sealed)] and "Nguyễn Đặng Thị Hường" in text_of(sealed)


def test_a_new_process_seals_with_the_same_key(tmp_path: Path) -> None:
    assert sealer(tmp_path).chain == sealer(tmp_path).chain
    assert (tmp_path / "papers-seal.pem").stat().st_mode & 0o077 == 0


def test_changed_after_it(paper: bytes, tmp_path: Path) -> None:
    sealed = seal_pdf(paper, sealer(tmp_path))
    for place in range(20, len(sealed), len(sealed) // 60):
        changed = bytearray(sealed)
        changed[place] ^= 1
        try:
            found = verify_sealed_pdf(bytes(changed), [], body=FUND, at=NOW)
        except PlatformError:
            continue
        around = sealed[place - 40 : place + 40]
        assert not around.strip(b"0"), f"{place} {found}: only the padding behind the seal"


def test_what_is_added_behind(paper: bytes, tmp_path: Path) -> None:
    sealed = seal_pdf(paper, sealer(tmp_path))
    assert refusal(paper) == "not_sealed"
    assert refusal(sealed + b"\n1 0 obj\n<<>>\nendobj\n%%EOF\n") in ("bad_seal", "not_a_paper")


@pytest.mark.parametrize(
    "nonsense",
    [b"", b"%PDF-1.7\n%%EOF", b"\0" * 5000, b"x" * (5 << 20)],
    ids=["nothing", "empty", "zeros", "large"],
)
def test_no_paper(nonsense: bytes) -> None:
    assert refusal(nonsense) == "not_a_paper"
    with pytest.raises(PeerError):
        credential_in(nonsense)
