"""The birth certificate on paper: in the country's own words and order, read by people and by a camera, and nothing of a place that is kept."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader

from sild.documents import (
    BIRTH_KIND,
    BirthEntry,
    Born,
    birth_certificate_pdf,
    birth_presentation,
    credential_in,
    seal_pdf,
    shown_claims,
    verify_presentation,
)
from sild.processes.documents import command
from sild.registries.credentials import CredentialIssuer
from sild.registries.deciding.body import open_seal
from sild.registries.identity_codes import Country
from sild.registries.profiles import profile

from .papers import AT, codes_in, text_of

CHILD = Born("001326000003", "VN", "Thị Hường", "Nguyễn Đặng", date(2026, 3, 1), "F", ("VN",))
MOTHER = Born("001190000002", "VN", "Thị Thu Hà", "Đặng", date(1990, 4, 2), "F", ("VN", "EE"))
FATHER = Born("001088000001", "VN", "Văn Ước", "Nguyễn", date(1988, 1, 9), "M", ("VN",))
PLACE = "Bệnh viện Phụ sản Hà Nội"
WORDS = {
    ("EE", "et"): ("Eesti Vabariik", "Sünnitõend", "Perekonnanimi Nguyễn Đặng", "Isikukood", "Naine", "1. märts 2026"),
    ("EE", "vi"): ("Cộng hòa Estonia", "Giấy chứng nhận khai sinh", "Mã số cá nhân 001326000003", "Nữ"),
    ("EE", "en"): ("Republic of Estonia", "Birth certificate", "Place of birth Bệnh viện Phụ sản Hà Nội", "Female"),
    ("VN", "et"): ("Vietnami Sotsialistlik Vabariik", "Sünnitunnistus", "Sünniaasta 1990", "Kodakondsus Vietnam"),
    ("VN", "vi"): ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "GIẤY KHAI SINH", "Họ, chữ đệm, tên Nguyễn Đặng Thị Hường", "Năm sinh 1990", "Quốc tịch Việt Nam, Estonia"),
    ("VN", "en"): ("Socialist Republic of Viet Nam", "Year of birth 1988", "Citizenship Vietnam"),
}  # fmt: skip


@pytest.fixture
def issuer(tmp_path: Path) -> CredentialIssuer:
    return CredentialIssuer.open(
        tmp_path / "issuer-key.jwk", "https://population.example", BIRTH_KIND, body="SILD/GOV/70000002"
    )


@pytest.fixture
def entry(issuer: CredentialIssuer) -> BirthEntry:
    claims = {
        "given_names": CHILD.given_names,
        "family_name": CHILD.family_name,
        "personal_administrative_number": CHILD.code,
        "birthdate": "2026-03-01",
        "place_of_birth": PLACE,
        "mother_name": MOTHER.full_name,
        "father_name": FATHER.full_name,
        "registered_on": "2026-03-02",
        "certificate_number": "17/2026",
    }
    credential = issuer.issue(claims, at=AT, until=AT + timedelta(days=3650), status_index=17)
    day = date(2026, 3, 2)
    return BirthEntry("17/2026", CHILD, MOTHER, FATHER, PLACE, day, day, credential)


@pytest.mark.parametrize(("country", "language"), list(WORDS))
def test_in_the_countrys_own_words(
    issuer: CredentialIssuer, entry: BirthEntry, country: Country, language: str
) -> None:
    pdf = birth_certificate_pdf(entry, profile(country).certificates["birth"], language, at=AT)
    text = text_of(pdf)
    for words in (*WORDS[country, language], PLACE, "17/2026", profile(country).certificates["birth"].basis):
        assert words in text, (words, text)
    shown = birth_presentation(entry.credential)
    assert codes_in(pdf, dots_per_inch=150) == [shown] and credential_in(pdf) == shown
    found = verify_presentation(
        shown,
        issuer.metadata(),
        at=AT,
        kinds=[BIRTH_KIND],
        status_list=issuer.status_list([3], at=AT),
    )
    assert found.status == "valid" and found.claims["mother_name"] == "Đặng Thị Thu Hà"
    assert "personal_administrative_number" not in found.claims
    reader = PdfFileReader(io.BytesIO(pdf))
    assert len(reader.root["/Pages"]["/Kids"]) == 1 and reader.root["/Lang"] == language
    meta = bytes(reader.root["/Metadata"].data)
    assert b"<pdfaid:conformance>A<" in meta and b"<pdfuaid:part>1<" in meta


def test_a_place_that_is_kept_is_nowhere_in_it(entry: BirthEntry) -> None:
    kept = replace(entry, place_is_kept=True)
    pdf = birth_certificate_pdf(kept, profile("VN").certificates["birth"], "en", at=AT)
    assert "protection order" in text_of(pdf) and "Hà Nội" not in text_of(pdf)
    assert "place_of_birth" not in shown_claims(credential_in(pdf))
    assert codes_in(pdf) == [credential_in(pdf)]


@pytest.mark.parametrize(
    "name", ['#image("/etc/passwd") *b* $x$ \\ ] } <a> & "', "M" * 100, "Ẩn Ữ Ợ Ẵ Ỹ Đ ẫ ự ể"]
)
def test_any_name_is_only_a_name(entry: BirthEntry, name: str) -> None:
    named = replace(entry, child=replace(CHILD, given_names=name, family_name="N" * 40), father=None)
    pdf = birth_certificate_pdf(named, profile("EE").certificates["birth"], "et", at=AT)
    text = text_of(pdf)
    assert name.replace(" ", "") in text.replace(" ", "").replace("￾", "").replace("\u0002", "")
    assert "Isa Eesnimi –" in text, "nobody is entered, and the line says so"
    assert len(PdfFileReader(io.BytesIO(pdf)).root["/Pages"]["/Kids"]) == 1


def test_the_same_command_checks_it(tmp_path: Path, issuer: CredentialIssuer, entry: BirthEntry) -> None:
    """As of a card: offline, with the issuer's two files and the authority of seals."""
    body = issuer.metadata()["organization_identifier"]
    seal = open_seal(tmp_path, "papers", body, name="Register", at=AT)
    pdf = seal_pdf(birth_certificate_pdf(entry, profile("VN").certificates["birth"], "vi", at=AT), seal)
    paths = {name: tmp_path / name for name in ("paper.pdf", "issuer.json", "valid", "revoked", "trust.pem")}
    paths["paper.pdf"].write_bytes(pdf)
    paths["issuer.json"].write_text(json.dumps(issuer.metadata()))
    paths["valid"].write_text(issuer.status_list([3], at=AT))
    paths["revoked"].write_text(issuer.status_list([17], at=AT))
    paths["trust.pem"].write_bytes(seal.chain[-1].public_bytes(Encoding.PEM))

    def verify(listed: str) -> tuple[int, dict[str, str]]:
        words = [
            "verify",
            paths["paper.pdf"],
            "--issuer",
            paths["issuer.json"],
            "--status-list",
            paths[listed],
        ]
        words += ["--trust", paths["trust.pem"], "--at", "2026-03-02T10:00:00Z", "--json"]
        result = CliRunner().invoke(command, [str(word) for word in words])
        return result.exit_code, json.loads(result.stdout)

    status, told = verify("valid")
    assert (status, told["verdict"], told["mother_name"]) == (0, "holds", "Đặng Thị Thu Hà")
    assert verify("revoked")[0] == 1
