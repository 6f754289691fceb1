"""What a holder shows of a credential, and what a verifier makes of it: SD-JWT VC (RFC 9901) with a token status list. Pure.

A presentation is the credential's signed part with the disclosures one shows: `<JWT>~<disclosure>~...~`, and of a credential bound to
a wallet's key the wallet's signature behind them, made for whoever asked (`<JWT>~<disclosure>~...~<KB-JWT>`). Whoever knows the
issuer's keys checks it without asking anybody; whether it was revoked stands in the issuer's status list, one file for all
cards, which tells nobody who was shown a card.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from sild.errors import CallerError, PeerError, TrustError

__all__ = [
    "MAX_PRESENTATION_CHARACTERS",
    "KeyBinding",
    "Presented",
    "present",
    "shown_claims",
    "verify_presentation",
]

MAX_PRESENTATION_CHARACTERS = 16_384
MAX_STATUS_BYTES = 4 << 20
RESERVED = {"_sd", "_sd_alg", "..."}
KEY_BINDING_AGE = timedelta(minutes=5)
SKEW = timedelta(seconds=60)
Status = Literal["valid", "revoked", "not_checked"]


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """What a wallet was asked to sign: for whom, and the challenge it was given."""

    audience: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Presented:
    """claims: those shown.  status: `not_checked` without a status list.  by_wallet: the wallet whose it is has signed that it shows it."""

    kind: str
    issuer: str
    claims: Mapping[str, Any]
    issued_at: datetime
    expires_at: datetime
    status: Status
    by_wallet: bool = False


def present(credential: str, claims: Collection[str]) -> str:
    """The credential with these claims shown and no other. Raises CallerError (`unknown_claim`), PeerError (`credential_malformed`)."""
    token, disclosures, _ = _split(credential)
    named = {_disclosure(one)[0]: one for one in disclosures}
    if missing := sorted(set(claims) - named.keys()):
        raise CallerError(f"the credential has no {', '.join(missing)}", code="unknown_claim")
    return "~".join((token, *(one for name, one in named.items() if name in claims), ""))


def shown_claims(text: str) -> dict[str, Any]:
    """What a presentation says, for the holder who got it from the issuer: nothing is checked. Raises PeerError."""
    _token, disclosures, _binding = _split(text)
    return dict(_disclosure(one) for one in disclosures)


def verify_presentation(
    text: str,
    issuer: Mapping[str, Any],
    *,
    at: datetime,
    kinds: Collection[str],
    status_list: str | None = None,
    asked: KeyBinding | None = None,
) -> Presented:
    """text: what the code holds.  issuer: its metadata (`issuer`, `jwks`).  kinds: the `vct` we take.  status_list: JWT.  asked: of a wallet.

    A credential bound to a wallet's key proves nothing without the wallet's signature over what we asked, and is refused: paper has none.
    Raises PeerError (`credential_malformed`), TrustError (`wrong_kind`, `unknown_issuer`, `unknown_key`, `bad_signature`,
    `not_yet_valid`, `expired`, `forged_claim`, `bound_to_a_wallet`, `bad_key_binding`, `bad_status_list`).
    """
    token, disclosures, binding = _split(text, bound=True)
    payload = _signed(token, "dc+sd-jwt", issuer)
    if payload.get("vct") not in kinds:
        raise TrustError("a credential of another kind", code="wrong_kind")
    if "cnf" in payload:
        _ensure_bound(payload["cnf"], text, binding, asked, at)
    elif binding:
        raise PeerError("a wallet's signature on what is bound to no wallet", code="credential_malformed")
    issued_at, expires_at = _moment(payload, "iat"), _moment(payload, "exp")
    if at < issued_at:
        raise TrustError("it is not valid yet", code="not_yet_valid")
    if at >= expires_at:
        raise TrustError("it has expired", code="expired")
    return Presented(
        kind=str(payload["vct"]),
        issuer=str(payload["iss"]),
        claims=_claims(payload, disclosures),
        issued_at=issued_at,
        expires_at=expires_at,
        status=_status(payload, status_list, issuer, at) if status_list is not None else "not_checked",
        by_wallet=bool(binding),
    )


def _split(text: str, *, bound: bool = False) -> tuple[str, tuple[str, ...], str]:
    """The signed part, the disclosures, and the wallet's signature, empty where there is none. bound: there may be one."""
    token, *disclosures, last = text.strip().split("~") if "~" in text else (text, "-")
    well_formed = (bound and last.count(".") == 2) or not last
    if not well_formed or len(text) > MAX_PRESENTATION_CHARACTERS or token.count(".") != 2:
        raise PeerError("not a credential", code="credential_malformed")
    return token, tuple(disclosures), last


def _ensure_bound(cnf: Any, text: str, binding: str, asked: KeyBinding | None, at: datetime) -> None:
    """RFC 9901 7.3: signed with the key of the credential, over what is shown, for us, just now.

    Raises TrustError (`bound_to_a_wallet`: it does not say, or nobody asked it; `bad_key_binding`).
    """
    if not binding or asked is None:
        raise TrustError("it belongs to a wallet, whose signature is missing", code="bound_to_a_wallet")
    try:
        header = json.loads(_decoded(binding.split(".")[0]))
        key = ECKey.import_key({name: cnf["jwk"][name] for name in ("kty", "crv", "x", "y")})
        said = jwt.decode(binding, key, algorithms=["ES256"]).claims
        made = _moment(said, "iat")
    except (JoseError, PeerError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TrustError("the wallet's signature does not hold", code="bad_key_binding") from error
    shown = text.strip().removesuffix(binding)
    holds = (
        isinstance(header, dict) and header.get("typ") == "kb+jwt",
        said.get("aud") == asked.audience,
        said.get("nonce") == asked.nonce,
        said.get("sd_hash") == _encoded(sha256(shown.encode()).digest()),
        at - KEY_BINDING_AGE - SKEW <= made <= at + SKEW,
    )
    if not all(holds):
        raise TrustError("the wallet signed something else, or long ago", code="bad_key_binding")


def _signed(token: str, kind: str, issuer: Mapping[str, Any]) -> dict[str, Any]:
    """The payload, its signature checked by a key that the issuer's metadata names. ES256 and nothing else."""
    try:
        header = json.loads(_decoded(token.split(".")[0]))
        keys = [key for key in issuer["jwks"]["keys"] if key.get("kid") == header.get("kid")]
        if not isinstance(header, dict):
            raise ValueError("a header is an object")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PeerError(
            "not a credential, or not an issuer's metadata", code="credential_malformed"
        ) from None
    if header.get("typ") != kind:
        raise TrustError("a token of another kind", code="wrong_kind")
    if len(keys) != 1:
        raise TrustError("the issuer names no such key", code="unknown_key")
    try:
        payload = jwt.decode(token, ECKey.import_key(keys[0]), algorithms=["ES256"]).claims
    except (JoseError, ValueError) as error:
        raise TrustError("the issuer's signature does not hold", code="bad_signature") from error
    if payload.get("iss", issuer["issuer"]) != issuer["issuer"]:
        raise TrustError("another issuer", code="unknown_issuer")
    return dict(payload)


def _claims(payload: Mapping[str, Any], disclosures: Sequence[str]) -> dict[str, Any]:
    """RFC 9901 7.1: each disclosure is one the issuer hashed, once, and hides nothing that is signed in clear."""
    hashes = payload.get("_sd")
    if payload.get("_sd_alg") != "sha-256" or not isinstance(hashes, list):
        raise PeerError("not a credential whose claims can be shown alone", code="credential_malformed")
    claims: dict[str, Any] = {}
    for one in disclosures:
        name, value = _disclosure(one)
        if _encoded(sha256(one.encode()).digest()) not in hashes:
            raise TrustError("a claim the issuer did not make", code="forged_claim")
        if name in claims or name in payload or name in RESERVED:
            raise TrustError("a claim that stands there already", code="forged_claim")
        claims[name] = value
    return claims


def _disclosure(text: str) -> tuple[str, Any]:
    try:
        _salt, name, value = json.loads(_decoded(text))
    except (ValueError, TypeError, RecursionError):
        raise PeerError("not a disclosure", code="credential_malformed") from None
    if not isinstance(name, str):
        raise PeerError("not a disclosure", code="credential_malformed")
    return name, value


def _status(payload: Mapping[str, Any], text: str, issuer: Mapping[str, Any], at: datetime) -> Status:
    """Token status list of one bit each: 1 is revoked. A list that is too old says nothing."""
    held = _signed(text, "statuslist+jwt", issuer)
    try:
        place = payload["status"]["status_list"]
        index, uri = int(place["idx"]), place["uri"]
        content = held["status_list"]
        packed, bits = _decoded(content["lst"]), content["bits"]
        unpack = zlib.decompressobj()
        listed = unpack.decompress(packed, MAX_STATUS_BYTES)
    except (KeyError, TypeError, ValueError, zlib.error):
        raise PeerError("not a status list", code="credential_malformed") from None
    if held.get("sub") != uri or bits != 1 or index < 0:
        raise TrustError("a status list of other cards", code="bad_status_list")
    if at >= _moment(held, "exp"):
        raise TrustError("the status list is out of date; fetch it again", code="bad_status_list")
    if index // 8 >= len(listed):
        return "valid"  # the list ends with the last card that was revoked
    return "revoked" if listed[index // 8] >> (index % 8) & 1 else "valid"


def _moment(payload: Mapping[str, Any], name: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(payload[name]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise PeerError(f"no {name}", code="credential_malformed") from None


def _decoded(text: str) -> bytes:
    """Base64url without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
