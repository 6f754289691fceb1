"""The identity card's token, in every algorithm, and what breaks it."""

from __future__ import annotations

import pytest

from sild.errors import PeerError, PlatformError, TrustError
from sild.openid import parse_web_eid_token, verify_web_eid_token
from support.identity_card import IdentityCard
from support.pki import NOW, KeyKind, Pki

ORIGIN = "https://login.example"
NONCE = "x" * 44
PKI = Pki()


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("ec-p256", "ES256"), ("ec-p384", "ES384")]
    + [("rsa-2048", f"{scheme}{bits}") for scheme in ("RS", "PS") for bits in (256, 384, 512)],
)
def test_every_algorithm(kind: KeyKind, algorithm: str) -> None:
    card = IdentityCard.issue(PKI, "60001019906", "Mari", "Maasikas", kind=kind)
    token = parse_web_eid_token(card.token(ORIGIN, NONCE, algorithm=algorithm))
    person, path = verify_web_eid_token(
        token, origin=ORIGIN, nonce=NONCE, anchors=[PKI.ca.certificate], at=NOW
    )
    assert (person.subject, person.given_name, str(person.date_of_birth)) == (
        "EE60001019906",
        "Mari",
        "2000-01-01",
    )
    assert path == (card.credential.certificate, PKI.ca.certificate)
    for changed in ({"origin": ORIGIN + ":8443"}, {"nonce": "y" * 44}):
        with pytest.raises(TrustError):
            verify_web_eid_token(
                token, **{"origin": ORIGIN, "nonce": NONCE, **changed}, anchors=[PKI.ca.certificate], at=NOW
            )


def test_an_algorithm_for_another_key() -> None:
    card = IdentityCard.issue(PKI, "60001019906", "Mari", "Maasikas", kind="ec-p256")
    text = card.token(ORIGIN, NONCE, algorithm="ES256").replace(b"ES256", b"RS256")
    with pytest.raises(TrustError):
        verify_web_eid_token(
            parse_web_eid_token(text), origin=ORIGIN, nonce=NONCE, anchors=[PKI.ca.certificate], at=NOW
        )


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES256K", "RS1"])
def test_an_algorithm_that_is_not_one(algorithm: str) -> None:
    card = IdentityCard.issue(PKI, "60001019906", "Mari", "Maasikas", kind="ec-p256")
    with pytest.raises(PeerError):
        parse_web_eid_token(
            card.token(ORIGIN, NONCE, algorithm="ES256").replace(b"ES256", algorithm.encode())
        )


def test_any_cut_is_refused() -> None:
    text = IdentityCard.issue(PKI, "60001019906", "Mari", "Maasikas").token(ORIGIN, NONCE)
    for length in range(0, len(text), 41):
        with pytest.raises(PlatformError):
            parse_web_eid_token(text[:length])


def test_a_short_nonce_is_a_bug() -> None:
    token = parse_web_eid_token(IdentityCard.issue(PKI, "60001019906", "Mari", "Maasikas").token(ORIGIN, "x"))
    with pytest.raises(ValueError, match="32 bytes"):
        verify_web_eid_token(token, origin=ORIGIN, nonce="x", anchors=[PKI.ca.certificate], at=NOW)
