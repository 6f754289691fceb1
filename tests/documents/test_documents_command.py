"""`sild documents verify`: what a chemist's computer says of a card, with files it fetched before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding

from sild.documents import card_pdf, card_presentation, seal_pdf
from sild.processes.documents import command
from sild.registries.deciding.body import open_seal
from support.wallet import Wallet, public

from .papers import AT, FUND, Issued, face, issued

NOW = ("--at", "2026-03-02T10:00:00Z")


class Desk:
    def __init__(self, directory: Path) -> None:
        self.card: Issued = issued(directory)
        seal = open_seal(directory, "papers", FUND, name="Fund", at=AT)
        pdf = seal_pdf(card_pdf(face(self.card.credential), "vi", at=AT), seal)
        self.files = {
            "card.pdf": pdf,
            "code.txt": card_presentation(self.card.credential).encode() + b"\n",
            "issuer.json": json.dumps(self.card.keys).encode(),
            "statuses": self.card.issuer.status_list([], at=AT).encode(),
            "revoked": self.card.issuer.status_list([9], at=AT).encode(),
            "trust.pem": seal.chain[-1].public_bytes(Encoding.PEM),
        }
        self.directory = directory
        for name, content in self.files.items():
            (directory / name).write_bytes(content)

    def verify(
        self, *words: str, text: str | None = None, at: tuple[str, ...] = NOW
    ) -> tuple[int, dict[str, Any]]:
        paths = [str(self.directory / word) if word in self.files else word for word in words]
        issuer = str(self.directory / "issuer.json")
        result = CliRunner().invoke(
            command, ["verify", "--issuer", issuer, *paths, *at, "--json"], input=text
        )
        return result.exit_code, json.loads(result.stdout)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def test_a_paper_holds(desk: Desk) -> None:
    status, told = desk.verify("card.pdf", "--status-list", "statuses", "--trust", "trust.pem")
    assert (status, told["verdict"], told["sealed_by"], told["seal_is_trusted"]) == (
        0,
        "holds",
        FUND,
        True,
    )
    assert told["family_name"] == "Nguyễn Đặng"
    assert told["time_stamp"] == "none: when it was sealed is the body's own word"


def test_a_seal_by_somebody_else(desk: Desk) -> None:
    """The card is the fund's and holds; the paper around it is sealed by another body, or by one that calls itself so."""
    for body, code in (("SILD/GOV/70000099", "another_body"), (FUND, "untrusted_seal")):
        seal = open_seal(desk.directory / code, "papers", body, name="Fund", at=AT)
        pdf = seal_pdf(card_pdf(face(desk.card.credential), "vi", at=AT), seal)
        (desk.directory / "other.pdf").write_bytes(pdf)
        other = str(desk.directory / "other.pdf")
        status, told = desk.verify(other, "--status-list", "statuses", "--trust", "trust.pem")
        assert (status, told["code"]) == (1, code)


def test_an_issuer_that_names_no_body(desk: Desk) -> None:
    older = {name: one for name, one in desk.card.keys.items() if name != "organization_identifier"}
    (desk.directory / "older.json").write_text(json.dumps(older))
    status, told = desk.verify("card.pdf", "--issuer", str(desk.directory / "older.json"))
    assert (status, told["code"]) == (1, "invalid_issuer")


def test_a_code_from_a_reader(desk: Desk) -> None:
    text = desk.files["code.txt"].decode()
    assert desk.verify("-", "--status-list", "statuses", text=text)[0] == 0
    assert desk.verify("code.txt", "--status-list", "statuses")[1]["card_number"] == "TE1010000000001"


def test_what_a_wallet_shows(tmp_path: Path) -> None:
    wallet = Wallet(clock=AT.timestamp)
    desk = Desk(tmp_path)
    bound = issued(tmp_path, holder=public(wallet.key)).credential
    shown = wallet.show(bound, {"card_number"}, "https://chemist.example", "c-1")
    asked = ("--status-list", "statuses", "--audience", "https://chemist.example", "--nonce")
    at = ("--at", "2026-03-02T09:01:00Z")
    status, told = desk.verify("-", *asked, "c-1", text=shown, at=at)
    assert (status, told["shown_by"], told["card_number"]) == (0, "the wallet whose it is", "TE1010000000001")
    assert desk.verify("-", *asked, "c-2", text=shown, at=at)[1]["code"] == "bad_key_binding"
    assert desk.verify("-", text=shown, at=at)[1]["code"] == "bound_to_a_wallet"


def test_what_it_cannot_tell(desk: Desk) -> None:
    assert desk.verify("code.txt") == (
        2,
        desk.verify("code.txt")[1] | {"verdict": "cannot tell", "status": "not_checked"},
    )
    status, told = desk.verify("card.pdf", "--status-list", "statuses")
    assert (status, told["seal_is_trusted"]) == (2, False)


def test_revoked_forged_nonsense(desk: Desk) -> None:
    assert desk.verify("code.txt", "--status-list", "revoked")[1]["code"] == "revoked"
    assert desk.verify("card.pdf", "--status-list", "revoked", "--trust", "trust.pem")[0] == 1
    for text in ("", "nonsense", "Ữ~", desk.files["code.txt"].decode().replace("~", "~x~", 1)):
        status, told = desk.verify("-", text=text)
        assert (status, told["verdict"]) == (1, "broken"), text
    (desk.directory / "other.json").write_text("[]")
    result = CliRunner().invoke(
        command, ["verify", str(desk.directory / "code.txt"), "--issuer", str(desk.directory / "other.json")]
    )
    assert result.exit_code == 1 and "invalid_issuer" in result.stdout
