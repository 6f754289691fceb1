"""Credentials that registers issue: SD-JWT VC (RFC 9901 and its VC profile), with a place in a token status list.

Each claim about the person is disclosed on its own: at a chemist's the holder shows the number and the cover, not the name. The
issuer's key is a file that its owner alone can read; several processes of one register share it.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from sild.errors import CallerError, Unavailable

__all__ = ["STATUS_LIST_TYPE", "CredentialIssuer"]

STATUS_LIST_TYPE = "application/statuslist+jwt"
STATUS_LIST_TTL = timedelta(hours=12)


class CredentialIssuer:
    """issuer: URL by which wallets and verifiers know it; its keys stand in `metadata`.  kind: `vct` of what it issues.

    body: `INSTANCE/CLASS/CODE`, whose seal is on what it issues on paper.
    """

    def __init__(self, key: ECKey, issuer: str, kind: str, body: str) -> None:
        self._key = key
        self.issuer = issuer
        self.kind = kind
        self.body = body

    @classmethod
    def open(cls, file: Path, issuer: str, kind: str, *, body: str) -> CredentialIssuer:
        """With the key in `file` (JWK), made there if there is none. Raises Unavailable (`key_not_found`): unreadable."""
        if not file.exists():
            _make_key(file)
        try:
            return cls(ECKey.import_key(json.loads(file.read_bytes())), issuer, kind, body)
        except (OSError, ValueError, JoseError) as error:
            raise Unavailable(f"issuer key {file} is not readable", code="key_not_found") from error

    def metadata(self) -> dict[str, Any]:
        """JWT VC issuer metadata, `/.well-known/jwt-vc-issuer`; `organization_identifier`: of the body whose seal its papers have."""
        public = {**self._key.as_dict(private=False), "kid": self._key.thumbprint(), "use": "sig"}
        return {
            "issuer": self.issuer,
            "organization_identifier": self.body,
            "jwks": {"keys": [public]},
        }

    def issue(
        self,
        claims: Mapping[str, Any],
        *,
        at: datetime,
        until: datetime,
        status_index: int,
        holder: Mapping[str, Any] | None = None,
    ) -> str:
        """`<JWT>~<disclosure>~...~`. claims: each can be disclosed alone.  holder: JWK of the wallet; none: a bearer's credential.

        Raises CallerError (`bad_request`) when `holder` is no public key.
        """
        disclosures = [
            _base64(_json([_base64(token_bytes(16)), name, value])) for name, value in claims.items()
        ]
        payload: dict[str, Any] = {
            "iss": self.issuer,
            "iat": int(at.timestamp()),
            "exp": int(until.timestamp()),
            "vct": self.kind,
            "status": {"status_list": {"idx": status_index, "uri": f"{self.issuer}/status-list"}},
            "_sd_alg": "sha-256",
            "_sd": sorted(_base64(sha256(disclosure.encode()).digest()) for disclosure in disclosures),
        }
        if holder is not None:
            payload["cnf"] = {"jwk": _public(holder)}
        return "~".join((self._signed("dc+sd-jwt", payload), *disclosures, ""))

    def status_list(self, revoked: Iterable[int], *, at: datetime) -> str:
        """JWT of the token status list: one bit for each credential, 1 when it was revoked."""
        places = tuple(revoked)
        bits = bytearray(max(places, default=0) // 8 + 1)
        for place in places:
            bits[place // 8] |= 1 << (place % 8)  # the first status in the lowest bit
        payload = {
            "sub": f"{self.issuer}/status-list",
            "iat": int(at.timestamp()),
            "exp": int((at + STATUS_LIST_TTL).timestamp()),
            "ttl": int(STATUS_LIST_TTL.total_seconds()),
            "status_list": {"bits": 1, "lst": _base64(zlib.compress(bytes(bits), 9))},
        }
        return self._signed("statuslist+jwt", payload)

    def _signed(self, kind: str, payload: dict[str, Any]) -> str:
        header = {"alg": "ES256", "typ": kind, "kid": self._key.thumbprint()}
        return jwt.encode(header, payload, self._key, algorithms=["ES256"])


def _make_key(file: Path) -> None:
    """Whole or not at all; of two processes that make one at once, one wins."""
    content = json.dumps(ECKey.generate_key("P-256").as_dict(private=True)).encode()
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        new.touch(mode=0o600)
        new.write_bytes(content)
        file.hardlink_to(new)
    except FileExistsError:
        pass
    except OSError as error:
        raise Unavailable(f"issuer key {file}: {error.strerror}", code="key_not_found") from error
    finally:
        new.unlink(missing_ok=True)


def _public(holder: Mapping[str, Any]) -> dict[str, Any]:
    try:
        key = ECKey.import_key(dict(holder))
    except (ValueError, TypeError, KeyError, JoseError):
        raise CallerError("the holder's key is no elliptic curve JWK", code="bad_request") from None
    return dict(key.as_dict(private=False))


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
