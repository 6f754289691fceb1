"""A passkey authenticator in software: a double of hardware, for tests. It is itself tested (tests/identity_provider/test_authenticator.py).

    phone = SoftwareAuthenticator()                       # device-bound, verifies its user
    credential = phone.create(options, origin)            # what navigator.credentials.create gives, as JSON
    answer = phone.get(options, origin)                   # what navigator.credentials.get gives, as JSON

WebAuthn Level 3, 6.1 (authenticator data), 6.5.4 (attestation `none`), 5.8.1 (client data). EC P-256.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class _Key:
    private: ec.EllipticCurvePrivateKey
    rp_id: str
    user_handle: bytes
    count: int = 0


@dataclass
class SoftwareAuthenticator:
    """verifies_user: finger or PIN.  synced: the key can be copied to other devices (backup eligible)."""

    verifies_user: bool = True
    synced: bool = False
    keys: dict[bytes, _Key] = field(default_factory=dict)

    def create(self, options: dict[str, Any], origin: str) -> dict[str, Any]:
        """Make a key. A real one refuses an origin outside the relying party's domain: so does this."""
        rp_id = _rp_id(options["rp"]["id"], origin)
        credential_id = secrets.token_bytes(32)
        key = _Key(ec.generate_private_key(ec.SECP256R1()), rp_id, unb64(options["user"]["id"]))
        self.keys[credential_id] = key
        numbers = key.private.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(credential_id).to_bytes(2, "big") + credential_id + cbor2.dumps(cose)
        data = self._data(key, AT) + attested
        response = {
            "clientDataJSON": b64(_client_data("webauthn.create", options["challenge"], origin)),
            "attestationObject": b64(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return _credential(credential_id, response)

    def get(
        self, options: dict[str, Any], origin: str, *, credential_id: bytes | None = None
    ) -> dict[str, Any]:
        """Answer a challenge with a key of the relying party: one that is asked for, or the one it has."""
        rp_id = _rp_id(options["rpId"], origin)
        asked = [unb64(one["id"]) for one in options.get("allowCredentials", [])]
        if credential_id is None:
            fits = [
                one for one, key in self.keys.items() if key.rp_id == rp_id and (not asked or one in asked)
            ]
            credential_id = fits[0]
        key = self.keys[credential_id]
        key.count += 1
        data = self._data(key, 0)
        client_data = _client_data("webauthn.get", options["challenge"], origin)
        signature = key.private.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(signature),
            "userHandle": b64(key.user_handle),
        }
        return _credential(credential_id, response)

    def _data(self, key: _Key, more: int) -> bytes:
        flags = UP | more | (UV if self.verifies_user else 0) | (BE | BS if self.synced else 0)
        return hashlib.sha256(key.rp_id.encode()).digest() + bytes([flags]) + key.count.to_bytes(4, "big")


def _rp_id(rp_id: str, origin: str) -> str:
    host = urlsplit(origin).hostname or ""
    if host != rp_id and not host.endswith("." + rp_id):
        raise PermissionError(f"{origin} is no origin of {rp_id}")
    return rp_id


def _client_data(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()


def _credential(credential_id: bytes, response: dict[str, str]) -> dict[str, Any]:
    return {
        "id": b64(credential_id),
        "rawId": b64(credential_id),
        "type": "public-key",
        "response": response,
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
    }
