"""A card's credential from a real issuer, and a paper looked at as a person would: drawn, and its code read by a reader of codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pypdfium2
import zxingcpp

from sild.documents import CARD_KIND, CardFace
from sild.registries.credentials import CredentialIssuer

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FUND = "SILD/GOV/70000003"
CLAIMS = {
    "given_names": "Thị Hường",
    "family_name": "Nguyễn Đặng",
    "personal_administrative_number": "001326000003",
    "birthdate": "2026-03-01",
    "cover_from": "2026-03-01",
    "card_number": "TE1010000000001",
}


@dataclass(frozen=True, slots=True)
class Issued:
    issuer: CredentialIssuer
    credential: str

    @property
    def keys(self) -> dict[str, Any]:
        return self.issuer.metadata()


def issued(directory: Path, **changed: Any) -> Issued:
    issuer = CredentialIssuer.open(
        directory / "issuer-key.jwk", "https://insurance.example", CARD_KIND, body=FUND
    )
    values = {"at": AT, "until": AT + timedelta(days=1825), "status_index": 9, **changed}
    return Issued(issuer, issuer.issue(CLAIMS, **values))


def face(credential: str, **changed: Any) -> CardFace:
    values: dict[str, Any] = {
        "number": "TE1010000000001",
        "name": "Nguyễn Đặng Thị Hường",
        "code": "001326000003",
        "born": date(2026, 3, 1),
        "cover_from": date(2026, 3, 1),
        "valid_until": date(2031, 2, 28),
        "credential": credential,
        "office": {"et": "Kohalik kontor, Ba Đình", "vi": "Cơ sở, Phường Ba Đình", "en": "Grassroots office, Ba Đình"},
    }  # fmt: skip
    return CardFace(**{**values, **changed})


def text_of(pdf: bytes) -> str:
    """As it would be copied, or read aloud."""
    document = pypdfium2.PdfDocument(pdf)
    return " ".join(" ".join(page.get_textpage().get_text_range() for page in document).split())


def codes_in(pdf: bytes, *, dots_per_inch: int = 200) -> list[str]:
    """What a camera reads from the first page."""
    page = pypdfium2.PdfDocument(pdf)[0]
    picture = page.render(scale=dots_per_inch / 72).to_numpy()
    return [
        code.text
        for code in zxingcpp.read_barcodes(picture[:, :, :3].copy(), formats=zxingcpp.BarcodeFormat.QRCode)
    ]
