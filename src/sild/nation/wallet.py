"""A wallet as small as the self-check needs: takes an offer by OpenID4VCI 1.0 over plain HTTP, bearer token, one key."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from sild.errors import PeerError
from sild.http1 import fetch

__all__ = ["take_offer"]

GRANT = "urn:ietf:params:oauth:grant-type:pre-authorized_code"


async def take_offer(link: str, number: str) -> tuple[str, dict[str, Any]]:
    """The credential, and the public key (JWK) to which it is bound. Raises PeerError."""
    offer = json.loads(parse_qs(urlsplit(link).query)["credential_offer"][0])
    issuer, code = offer["credential_issuer"], offer["grants"][GRANT]["pre-authorized_code"]
    told = await _document(issuer, "openid-credential-issuer")
    server = await _document(issuer, "oauth-authorization-server")
    form = {"grant_type": GRANT, "pre-authorized_code": code, "tx_code": number}
    token = await _asked(server["token_endpoint"], urlencode(form).encode(), kind=b"x-www-form-urlencoded")
    nonce = await _asked(told["nonce_endpoint"], b"")
    key = ECKey.generate_key("P-256")
    public = dict(key.as_dict(private=False))
    jwk = {name: public[name] for name in ("kty", "crv", "x", "y")}
    said = {"aud": issuer, "iat": int(datetime.now(UTC).timestamp()), "nonce": nonce["c_nonce"]}
    header = {"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": jwk}
    wanted = {
        "credential_configuration_id": offer["credential_configuration_ids"][0],
        "proofs": {"jwt": [jwt.encode(header, said, key, algorithms=["ES256"])]},
    }
    bearer = (b"Authorization", f"Bearer {token['access_token']}".encode())
    answer = await _asked(told["credential_endpoint"], json.dumps(wanted).encode(), bearer)
    return str(answer["credentials"][0]["credential"]), jwk


async def _document(issuer: str, name: str) -> Any:
    parts = urlsplit(issuer)
    answer = await fetch(f"{parts.scheme}://{parts.netloc}/.well-known/{name}{parts.path}")
    return json.loads(answer.body)


async def _asked(url: str, body: bytes, *headers: tuple[bytes, bytes], kind: bytes = b"json") -> Any:
    sent = [(b"Content-Type", b"application/" + kind), *headers]
    answer = await fetch(url, method="POST", body=body, headers=sent)
    if answer.status != 200:
        raise PeerError(f"{url} answered {answer.status}: {answer.body[:200]!r}", code="invalid_body")
    return json.loads(answer.body)
