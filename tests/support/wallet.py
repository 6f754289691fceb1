"""A wallet as others would write it: OpenID4VCI 1.0 by the document, on `requests` and `jwcrypto`; nothing of ours is used.

wallet = Wallet()
credential = wallet.take("openid-credential-offer://?credential_offer=...", "123456")
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import requests
from jwcrypto import jwk, jws

GRANT = "urn:ietf:params:oauth:grant-type:pre-authorized_code"


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed(header: dict[str, Any], claims: dict[str, Any], key: jwk.JWK) -> str:
    token = jws.JWS(json.dumps(claims).encode())
    token.allowed_algs = ["ES256", "ES384", "HS256"]
    token.add_signature(key, alg=header["alg"], protected=json.dumps(header))
    return str(token.serialize(compact=True))


def ec_key(curve: str = "P-256") -> jwk.JWK:
    return jwk.JWK.generate(kty="EC", crv=curve)


def public(key: jwk.JWK) -> dict[str, Any]:
    return dict(key.export_public(as_dict=True))


@dataclass
class Wallet:
    """clock: seconds since 1970; the portal's, where a test sets it by hand.  dpop: whether it binds its tokens to a key."""

    clock: Any = time.time
    dpop: bool = True
    key: jwk.JWK = field(default_factory=ec_key)
    dpop_key: jwk.JWK = field(default_factory=ec_key)

    def offer(self, link: str) -> dict[str, Any]:
        parts = urlsplit(link)
        assert parts.scheme == "openid-credential-offer", link
        (text,) = parse_qs(parts.query)["credential_offer"]
        offer: dict[str, Any] = json.loads(text)
        return offer

    def well_known(self, issuer: str, name: str) -> dict[str, Any]:
        parts = urlsplit(issuer)
        answer = requests.get(
            f"{parts.scheme}://{parts.netloc}/.well-known/{name}{parts.path}", timeout=20,
            headers={"Accept": "application/json"},
        )  # fmt: skip
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json", answer.text
        found: dict[str, Any] = answer.json()
        return found

    def proves(self, url: str, token: str | None = None, **other: Any) -> dict[str, str]:
        """The header of RFC 9449."""
        if not self.dpop:
            return {}
        claims = {"jti": str(uuid4()), "htm": "POST", "htu": url, "iat": int(self.clock())}
        if token is not None:
            claims["ath"] = encoded(hashlib.sha256(token.encode()).digest())
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public(self.dpop_key)}
        return {"DPoP": signed(header, claims | other, self.dpop_key)}

    def ask_token(self, offer: dict[str, Any], number: str, **form: str) -> requests.Response:
        server = self.well_known(offer["credential_issuer"], "oauth-authorization-server")
        assert server["issuer"] == offer["credential_issuer"]
        grant = offer["grants"][GRANT]
        return requests.post(
            server["token_endpoint"],
            data={"grant_type": GRANT, "pre-authorized_code": grant["pre-authorized_code"], "tx_code": number, **form},
            headers=self.proves(server["token_endpoint"]),
            timeout=20,
        )  # fmt: skip

    def nonce(self, issuer: str) -> str:
        answer = requests.post(
            self.well_known(issuer, "openid-credential-issuer")["nonce_endpoint"], timeout=20
        )
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
        return str(answer.json()["c_nonce"])

    def key_proof(self, issuer: str, nonce: str, **other: Any) -> str:
        """F.1. other: of the claims."""
        header = {"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": public(self.key)}
        return signed(header, {"aud": issuer, "iat": int(self.clock()), "nonce": nonce} | other, self.key)

    def authorized(self, url: str, token: dict[str, Any]) -> dict[str, str]:
        return {
            "Authorization": f"{token['token_type']} {token['access_token']}",
            **self.proves(url, token["access_token"]),
        }

    def ask_credential(
        self, offer: dict[str, Any], token: dict[str, Any], proof: str | None = None, **body: Any
    ) -> requests.Response:
        """proof: None: a right one. body: instead of what it would say."""
        issuer = offer["credential_issuer"]
        metadata = self.well_known(issuer, "openid-credential-issuer")
        assert metadata["credential_issuer"] == issuer
        (name,) = offer["credential_configuration_ids"]
        assert metadata["credential_configurations_supported"][name]["format"] == "dc+sd-jwt"
        details = token.get("authorization_details")
        asked: dict[str, Any] = {"credential_configuration_id": name}
        if details:
            asked = {"credential_identifier": details[0]["credential_identifiers"][0]}
        asked["proofs"] = {"jwt": [proof or self.key_proof(issuer, self.nonce(issuer))]}
        url = metadata["credential_endpoint"]
        return requests.post(url, json=body or asked, headers=self.authorized(url, token), timeout=30)

    def notify(self, offer: dict[str, Any], token: dict[str, Any], **body: Any) -> requests.Response:
        url = self.well_known(offer["credential_issuer"], "openid-credential-issuer")["notification_endpoint"]
        return requests.post(url, json=body, headers=self.authorized(url, token), timeout=20)

    def take(self, link: str, number: str) -> str:
        """The whole way; what was issued is checked as a wallet would."""
        offer = self.offer(link)
        token = self.ask_token(offer, number.replace(" ", ""))
        assert token.status_code == 200 and token.headers["Cache-Control"] == "no-store", token.text
        answer = self.ask_credential(offer, token.json())
        assert answer.status_code == 200, answer.text
        credential = str(answer.json()["credentials"][0]["credential"])
        payload, _claims = self.read(credential, offer["credential_issuer"])
        assert payload["cnf"]["jwk"] == public(self.key)
        told = {"notification_id": answer.json()["notification_id"], "event": "credential_accepted"}
        assert self.notify(offer, token.json(), **told).status_code == 204
        return credential

    def show(self, credential: str, names: set[str], audience: str, nonce: str, **other: Any) -> str:
        """SD-JWT+KB (RFC 9901 4.3) with these claims. other: of the key binding's header or claims."""
        token, *disclosures, _end = credential.split("~")
        shown = [one for one in disclosures if json.loads(decoded(one))[1] in names]
        text = "~".join((token, *shown, ""))
        header = {"alg": "ES256", "typ": other.pop("typ", "kb+jwt")}
        claims = {
            "iat": int(self.clock()),
            "aud": audience,
            "nonce": nonce,
            "sd_hash": encoded(hashlib.sha256(text.encode()).digest()),
        }
        return text + signed(header, claims | other, self.key)

    def read(self, credential: str, issuer: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Payload and claims of an SD-JWT VC, by the keys that its issuer publishes (RFC 9901 7.1, SD-JWT VC 3.5)."""
        text, *disclosures, last = credential.split("~")
        assert last == ""
        published = self.well_known(issuer, "jwt-vc-issuer")
        assert published["issuer"] == issuer
        token = jws.JWS()
        token.deserialize(text)
        header = json.loads(decoded(text.split(".")[0]))
        (key,) = [one for one in published["jwks"]["keys"] if one["kid"] == header["kid"]]
        token.verify(jwk.JWK(**key))
        assert (header["typ"], header["alg"]) == ("dc+sd-jwt", "ES256")
        payload = json.loads(token.payload)
        assert payload["iss"] == issuer
        claims = {}
        for one in disclosures:
            assert encoded(hashlib.sha256(one.encode()).digest()) in payload["_sd"]
            _salt, name, value = json.loads(decoded(one))
            claims[name] = value
        return payload, claims

    def is_revoked(self, credential: str, issuer: str) -> bool:
        """By the status list that the credential names (Token Status List 8.3)."""
        payload, _claims = self.read(credential, issuer)
        place = payload["status"]["status_list"]
        answer = requests.get(place["uri"], timeout=20, headers={"Accept": "application/statuslist+jwt"})
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/statuslist+jwt"
        (key,) = self.well_known(issuer, "jwt-vc-issuer")["jwks"]["keys"]
        token = jws.JWS()
        token.deserialize(answer.text)
        token.verify(jwk.JWK(**key))
        listed = json.loads(token.payload)
        assert listed["sub"] == place["uri"] and listed["status_list"]["bits"] == 1
        content = zlib.decompress(decoded(listed["status_list"]["lst"]))
        at = place["idx"]
        return at // 8 < len(content) and bool(content[at // 8] >> at % 8 & 1)
