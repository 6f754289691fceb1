"""Credentials for wallets (OpenID4VCI 1.0): the offer, what issuer and authorization server say of themselves, what wallets send.

The pre-authorized code flow with a transaction code, and nothing else: whoever is logged in asks for the offer, so nobody has to log
in again in the wallet. One issuer gives one kind of credential, whose configuration has the issuer's own last name (`insurance-card`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from sild.openid.errors import OpenIDError

__all__ = [
    "PRE_AUTHORIZED_CODE",
    "CredentialKind",
    "CredentialRequest",
    "Notification",
    "TokenRequest",
    "credential_offer",
    "issuance_server_metadata",
    "issuer_metadata",
    "offer_link",
    "parse_credential_request",
    "parse_notification",
    "parse_token_request",
    "well_known",
]

PRE_AUTHORIZED_CODE = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
CREDENTIAL_DETAIL = "openid_credential"
EVENTS = ("credential_accepted", "credential_failure", "credential_deleted")
MAX_VALUE = 1_024
MAX_PROOF = 8_192


@dataclass(frozen=True, slots=True)
class CredentialKind:
    """issuer: the credential issuer's identifier.  name: of its one configuration.  vct: of the credential.

    title: by language.  claims: names with their titles by language, in the order in which they are shown.
    """

    issuer: str
    name: str
    vct: str
    title: Mapping[str, str]
    claims: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """with_details: the wallet asked by `authorization_details`, and has to be answered so."""

    code: str
    tx_code: str
    with_details: bool


@dataclass(frozen=True, slots=True)
class CredentialRequest:
    """by_identifier: asked by `credential_identifier`.  proof: the one key proof, not yet checked."""

    by_identifier: bool
    proof: str


@dataclass(frozen=True, slots=True)
class Notification:
    id: str
    event: str


def credential_offer(kind: CredentialKind, code: str, *, digits: int, hint: str) -> dict[str, Any]:
    """4.1.1. hint: where the person finds the transaction code, at most 300 signs."""
    tx_code = {"input_mode": "numeric", "length": digits, "description": hint[:300]}
    return {
        "credential_issuer": kind.issuer,
        "credential_configuration_ids": [kind.name],
        "grants": {PRE_AUTHORIZED_CODE: {"pre-authorized_code": code, "tx_code": tx_code}},
    }


def offer_link(offer: Mapping[str, Any]) -> str:
    """What opens a wallet, from a code or on the same device: the offer by value, ASCII."""
    return "openid-credential-offer://?credential_offer=" + quote(
        json.dumps(offer, separators=(",", ":")), safe=":,/-_~"
    )


def well_known(issuer: str, name: str) -> str:
    """Where the document `name` of an issuer stands (OpenID4VCI 12.2.2, RFC 8414 3): its path goes behind the name."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}/.well-known/{name}{parts.path}"


def issuer_metadata(kind: CredentialKind) -> dict[str, Any]:
    """12.2.4: no `authorization_servers`, since the issuer is its own."""
    return {
        "credential_issuer": kind.issuer,
        "credential_endpoint": f"{kind.issuer}/wallet/credential",
        "nonce_endpoint": f"{kind.issuer}/wallet/nonce",
        "notification_endpoint": f"{kind.issuer}/wallet/notification",
        "display": _titles(kind.title),
        "credential_configurations_supported": {
            kind.name: {
                "format": "dc+sd-jwt",
                "vct": kind.vct,
                "credential_signing_alg_values_supported": ["ES256"],
                "cryptographic_binding_methods_supported": ["jwk"],
                "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": ["ES256"]}},
                "credential_metadata": {
                    "display": _titles(kind.title),
                    "claims": [
                        {"path": [name], "mandatory": True, "display": _titles(titles)}
                        for name, titles in kind.claims.items()
                    ],
                },
            }
        },
    }


def issuance_server_metadata(kind: CredentialKind) -> dict[str, Any]:
    """RFC 8414 2, OpenID4VCI 12.3, RFC 9449 5.1."""
    return {
        "issuer": kind.issuer,
        "token_endpoint": f"{kind.issuer}/wallet/token",
        "token_endpoint_auth_methods_supported": ["none"],
        "grant_types_supported": [PRE_AUTHORIZED_CODE],
        "pre-authorized_grant_anonymous_access_supported": True,
        "authorization_details_types_supported": [CREDENTIAL_DETAIL],
        "dpop_signing_alg_values_supported": ["ES256"],
    }


def parse_token_request(parameters: Mapping[str, str], kind: CredentialKind) -> TokenRequest:
    """6.1. Raises OpenIDError (`unsupported_grant_type`, `invalid_request`, `invalid_authorization_details`)."""
    if parameters.get("grant_type") != PRE_AUTHORIZED_CODE:
        raise OpenIDError("the grant is a pre-authorized code", code="unsupported_grant_type")
    code, tx_code = parameters.get("pre-authorized_code"), parameters.get("tx_code")
    if not code or len(code) > MAX_VALUE:
        raise OpenIDError("there is no pre-authorized_code")
    if not tx_code or len(tx_code) > MAX_VALUE:
        raise OpenIDError("there is no tx_code: it stands on the page of the offer")
    details = parameters.get("authorization_details")
    if details is not None:
        _ensure_details(details, kind)
    return TokenRequest(code, tx_code, details is not None)


def _ensure_details(text: str, kind: CredentialKind) -> None:
    """5.1.1: this one credential."""
    code = "invalid_authorization_details"
    try:
        details = json.loads(text)
    except (ValueError, RecursionError):
        raise OpenIDError("authorization_details is no JSON", code=code) from None
    if not isinstance(details, list) or len(details) != 1 or not isinstance(details[0], dict):
        raise OpenIDError("authorization_details holds one credential", code=code)
    wanted = (details[0].get("type"), details[0].get("credential_configuration_id"))
    if wanted != (CREDENTIAL_DETAIL, kind.name):
        raise OpenIDError("no such credential is offered", code=code)


def parse_credential_request(body: bytes, kind: CredentialKind, *, with_details: bool) -> CredentialRequest:
    """8.2. with_details: as the token was asked for, which says how the credential is named.

    Raises OpenIDError (`invalid_credential_request`, `unknown_credential_configuration`, `unknown_credential_identifier`,
    `invalid_encryption_parameters`, `invalid_proof`).
    """
    asked = _object(body, "invalid_credential_request")
    if "credential_response_encryption" in asked:
        raise OpenIDError("answers are not encrypted here", code="invalid_encryption_parameters")
    name, other = "credential_configuration_id", "credential_identifier"
    if with_details:
        name, other = other, name
    if other in asked or not isinstance(asked.get(name), str):
        raise OpenIDError(f"the credential is named by {name}", code="invalid_credential_request")
    if asked[name] != kind.name:
        raise OpenIDError("no such credential", code=f"unknown_{name.removesuffix('_id')}")
    return CredentialRequest(with_details, _one_proof(asked.get("proofs")))


def _one_proof(proofs: Any) -> str:
    """Credentials are not issued in batches (no `batch_credential_issuance`): one key."""
    if not isinstance(proofs, dict) or list(proofs) != ["jwt"]:
        raise OpenIDError("proofs holds key proofs of type jwt", code="invalid_proof")
    listed = proofs["jwt"]
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], str):
        raise OpenIDError("one key proof for one credential", code="invalid_proof")
    if len(listed[0]) > MAX_PROOF:
        raise OpenIDError("the key proof is too long", code="invalid_proof")
    return listed[0]


def parse_notification(body: bytes) -> Notification:
    """11.1. Raises OpenIDError (`invalid_notification_request`)."""
    code = "invalid_notification_request"
    said = _object(body, code)
    id_, event = said.get("notification_id"), said.get("event")
    if not isinstance(id_, str) or len(id_) > MAX_VALUE or event not in EVENTS:
        raise OpenIDError("notification_id and one of three events", code=code)
    return Notification(id_, event)


def _object(body: bytes, code: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise OpenIDError("the body is no JSON", code=code) from None
    if not isinstance(found, dict):
        raise OpenIDError("the body is no JSON object", code=code)
    return found


def _titles(titles: Mapping[str, str]) -> Sequence[Mapping[str, str]]:
    return [{"name": title, "locale": language} for language, title in titles.items()]
