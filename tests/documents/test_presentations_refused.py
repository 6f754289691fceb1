"""What a verifier refuses: another's signature, a claim nobody made, a card that is over, revoked, or bound to a wallet."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from sild.documents import (
    CARD_KIND,
    KeyBinding,
    card_presentation,
    present,
    shown_claims,
    verify_presentation,
)
from sild.errors import CallerError, PeerError, PlatformError, TrustError
from sild.registries.credentials import CredentialIssuer
from support.wallet import Wallet, public

from .papers import AT, CLAIMS, FUND, Issued, issued


def check(card: Issued, text: str, **changed: Any) -> str:
    """`valid`, or the code of the refusal."""
    values: dict[str, Any] = {"issuer": card.keys, "at": AT, "kinds": [CARD_KIND], **changed}
    try:
        return verify_presentation(text, values.pop("issuer"), **values).status
    except (TrustError, PeerError) as refusal:
        return refusal.code


@pytest.fixture
def card(tmp_path: Path) -> Issued:
    return issued(tmp_path)


def test_each_claim_can_be_shown_alone(card: Issued) -> None:
    for name, value in CLAIMS.items():
        one = present(card.credential, [name])
        assert (
            verify_presentation(one, card.keys, at=AT, kinds=[CARD_KIND]).claims
            == {name: value}
            == shown_claims(one)
        )
    with pytest.raises(CallerError, match="income"):
        present(card.credential, ["income"])


def test_another_issuers_keys(card: Issued, tmp_path: Path) -> None:
    file = tmp_path / "other.jwk"
    other = CredentialIssuer.open(file, "https://insurance.example", CARD_KIND, body=FUND).metadata()
    text = card_presentation(card.credential)
    assert check(card, text, issuer=other) == "unknown_key"
    other["jwks"]["keys"][0]["kid"] = card.keys["jwks"]["keys"][0]["kid"]
    assert check(card, text, issuer=other) == "bad_signature"
    assert check(card, text, issuer={**card.keys, "issuer": "https://else.example"}) == "unknown_issuer"


def test_every_character_is_covered(card: Issued) -> None:
    text = card_presentation(card.credential)
    assert check(card, text) == "not_checked"
    for place in range(0, len(text), 7):
        for other in "A~." if text[place] not in "A~." else "B":
            changed = text[:place] + other + text[place + 1 :]
            found = check(card, changed)
            assert found not in ("valid", "not_checked"), (place, changed[place - 5 : place + 5])


def test_a_claim_nobody_made(card: Issued) -> None:
    def forged(name: str, value: str) -> str:
        content = json.dumps(["c2FsdA", name, value], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    text = card_presentation(card.credential)
    for name in ("given_names", "personal_administrative_number", "exp", "_sd"):
        assert check(card, f"{text}{forged(name, 'x')}~") == "forged_claim", name
    first = text.split("~")[1]
    assert check(card, f"{text}{first}~") == "forged_claim", "shown twice"


def test_not_yet_and_no_longer(card: Issued) -> None:
    text = card_presentation(card.credential)
    assert check(card, text, at=AT - timedelta(seconds=1)) == "not_yet_valid"
    assert check(card, text, at=AT + timedelta(days=1825)) == "expired"


def test_status(card: Issued) -> None:
    text, issuer = card_presentation(card.credential), card.issuer
    assert check(card, text, status_list=issuer.status_list([1, 8, 10], at=AT)) == "valid"
    assert check(card, text, status_list=issuer.status_list([], at=AT)) == "valid"
    assert check(card, text, status_list=issuer.status_list([9], at=AT)) == "revoked"
    old = issuer.status_list([], at=AT - timedelta(hours=12))
    assert check(card, text, status_list=old) == "bad_status_list", "too old to say anything"
    assert check(card, text, status_list=text.split("~")[0]) == "wrong_kind"
    assert check(card, text, status_list="nonsense") == "credential_malformed"


def test_a_wallets_card_is_no_paper(tmp_path: Path) -> None:
    holder = ECKey.generate_key("P-256").as_dict(private=False)
    bound = issued(tmp_path, holder=holder)
    assert check(bound, card_presentation(bound.credential)) == "bound_to_a_wallet"


VERIFIER = KeyBinding("https://chemist.example", "challenge-1")


def test_a_wallet_shows_its_card(tmp_path: Path) -> None:
    """As a wallet of others' making signs it, for us and now; anything else is refused."""
    wallet, stranger = Wallet(clock=AT.timestamp), Wallet(clock=AT.timestamp)
    bound = issued(tmp_path, holder=public(wallet.key))
    said = (VERIFIER.audience, VERIFIER.nonce)
    shown = wallet.show(bound.credential, {"card_number", "cover_from"}, *said)
    found = verify_presentation(shown, bound.keys, at=AT, kinds=[CARD_KIND], asked=VERIFIER)
    assert found.by_wallet and set(found.claims) == {"card_number", "cover_from"}
    assert check(bound, shown) == "bound_to_a_wallet", "nobody asked it"
    assert check(bound, shown.rpartition("~")[0] + "~", asked=VERIFIER) == "bound_to_a_wallet"
    more = present(bound.credential, ["card_number", "cover_from", "given_names"])
    less = present(bound.credential, ["card_number"])
    signature = shown.rpartition("~")[2]
    wrong = {
        "another's key": stranger.show(bound.credential, {"card_number"}, *said),
        "for another": wallet.show(bound.credential, {"card_number"}, "https://else.example", VERIFIER.nonce),
        "of another time": wallet.show(bound.credential, {"card_number"}, VERIFIER.audience, "challenge-0"),
        "another type": wallet.show(bound.credential, {"card_number"}, *said, typ="JWT"),
        "old": wallet.show(bound.credential, {"card_number"}, *said, iat=int(AT.timestamp()) - 3_600),
        "of no time": wallet.show(bound.credential, {"card_number"}, *said, iat=None),
        "of something else": wallet.show(bound.credential, {"card_number"}, *said, sd_hash="x"),
        "with a claim more": more + signature,
        "with a claim less": less + signature,
        "unsigned": less + "e30.e30.",
    }
    for name, text in wrong.items():
        assert check(bound, text, asked=VERIFIER) == "bad_key_binding", name


def test_a_paper_has_no_wallet(card: Issued) -> None:
    """Nobody makes a bearer's code look as if its holder had shown it."""
    shown = Wallet(clock=AT.timestamp).show(card.credential, {"card_number"}, "a", "b")
    assert check(card, shown, asked=KeyBinding("a", "b")) == "credential_malformed"
    with pytest.raises(PeerError):
        shown_claims(shown)


def test_other_kinds_and_other_algorithms(card: Issued) -> None:
    text = card_presentation(card.credential)
    assert check(card, text, kinds=["urn:other"]) == "wrong_kind"
    key = card.issuer._key
    header = {"alg": "ES256", "typ": "jwt", "kid": key.thumbprint()}
    other = jwt.encode(header, {"vct": CARD_KIND}, key, algorithms=["ES256"])
    assert check(card, f"{other}~") == "wrong_kind", "a token the key signed for something else"
    unsigned = (
        base64.urlsafe_b64encode(
            json.dumps({"alg": "none", "typ": "dc+sd-jwt", "kid": key.thumbprint()}).encode()
        )
        .rstrip(b"=")
        .decode()
    )
    assert check(card, f"{unsigned}.{text.split('.')[1]}.~") == "bad_signature"


@given(
    st.text(max_size=300)
    | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}~([A-Za-z0-9_-]{0,20}~)*")
)
def test_nonsense_is_named(text: str) -> None:
    with pytest.raises(PlatformError):
        verify_presentation(text, {"issuer": "x", "jwks": {"keys": []}}, at=AT, kinds=[CARD_KIND])


def test_json_too_deep_to_read(card: Issued) -> None:
    """Anybody can add to a code, or print one."""
    deep = base64.urlsafe_b64encode(b"[" * 9_000).rstrip(b"=").decode()
    assert check(card, f"{card_presentation(card.credential)}{deep}~") == "credential_malformed"
    assert check(card, f"{deep}.e30.AA~") == "credential_malformed"
    assert check(card, "W10.e30.AA~", issuer={"issuer": "x", "jwks": {"keys": []}}) == "credential_malformed"
