"""Web Push: a wake-up without content, encrypted for the browser and signed as ours.

RFC 8030 (delivery), RFC 8291 and 8188 (aes128gcm), RFC 8292 (VAPID). The push service is somebody else's: it learns that
there is news, never what.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import os
import socket
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from sqlalchemy import Connection, delete, func, insert, select, update

from sild.errors import CallerError, PlatformError
from sild.http1 import AnyTls, fetch
from sild.identity_client import hashed
from sild.openid import SigningKey
from sild.portal.consents import Consents
from sild.portal.settings import PortalSettings
from sild.portal.store import Store
from sild.portal.tables import push_address
from sild.telemetry import get_logger

__all__ = ["PushAddress", "WebPush", "encrypt"]

log = get_logger("portal")

KEEP_SECONDS = 86_400
SEND_SECONDS = 10.0
MAX_ADDRESSES = 20
RECORD_SIZE = 4096
_curve = ec.SECP256R1()


@dataclass(frozen=True, slots=True)
class PushAddress:
    """endpoint: of the push service.  p256dh, auth: the browser's keys, base64url.  language: of the wake-up."""

    endpoint: str
    p256dh: str
    auth: str
    language: str


class WebPush:
    """consents: what wake-ups rest on.  tls: for push services; None: the system's authorities."""

    def __init__(
        self,
        settings: PortalSettings,
        store: Store,
        key: SigningKey,
        consents: Consents,
        *,
        tls: AnyTls | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._key = key
        self._consents = consents
        self._tls = tls
        point = _point(key)
        self.public_key = _base64url(point)

    async def add(self, subject: str, address: PushAddress) -> None:
        """The person consents, and has a receipt. Raises CallerError (`bad_push_address`; `no_legal_ground`: not in this country)."""
        _check(address, private=self._settings.private_push_services)
        endpoint_hash = hashed(address.endpoint)

        def write(connection: Connection, at: datetime) -> None:
            connection.execute(delete(push_address).where(push_address.c.endpoint_hash == endpoint_hash))
            has = connection.scalar(
                select(func.count()).select_from(push_address).where(push_address.c.subject == subject)
            )
            if (has or 0) >= MAX_ADDRESSES:
                raise CallerError("too many devices", code="bad_push_address")
            connection.execute(
                insert(push_address).values(
                    endpoint_hash=endpoint_hash,
                    subject=subject,
                    endpoint=address.endpoint,
                    p256dh=address.p256dh,
                    auth=address.auth,
                    language=address.language,
                    woken_for=at,
                    at=at,
                )
            )
            self._consents.given(
                connection,
                at,
                subject=subject,
                device=endpoint_hash,
                recipient=str(urlsplit(address.endpoint).hostname)[:255],
            )

        await self._store.change(write)

    async def count(self, subject: str) -> int:
        query = select(func.count()).select_from(push_address).where(push_address.c.subject == subject)
        return await self._store.change(lambda c, _at: c.scalar(query) or 0)

    async def waiting(self) -> dict[str, datetime]:
        """Who has a device, and for which newest notice all of them have been woken."""
        query = select(push_address.c.subject, func.min(push_address.c.woken_for)).group_by(
            push_address.c.subject
        )
        rows = await self._store.change(lambda c, _at: c.execute(query).all())
        return {row[0]: row[1] for row in rows}

    async def woken(self, subject: str, newest: datetime, before: datetime) -> bool:
        """Written down before the devices are woken; False when another process was first."""
        where = (push_address.c.subject == subject, push_address.c.woken_for <= before)
        changed = await self._store.change(
            lambda c, _at: c.execute(update(push_address).where(*where).values(woken_for=newest)).rowcount
        )
        return changed > 0

    async def remove_all(self, subject: str) -> None:
        """Every consent of theirs is withdrawn with it."""

        def write(connection: Connection, at: datetime) -> None:
            connection.execute(delete(push_address).where(push_address.c.subject == subject))
            self._consents.ended(connection, at, "ConsentWithdrawn", subject=subject)

        await self._store.change(write)

    async def _forget(self, endpoint_hash: str) -> None:
        def write(connection: Connection, at: datetime) -> None:
            connection.execute(delete(push_address).where(push_address.c.endpoint_hash == endpoint_hash))
            self._consents.ended(connection, at, "ConsentExpired", device=endpoint_hash)

        await self._store.change(write)

    async def wake(self, subject: str) -> int:
        """Tell every device of a person that there is news; gives how many took it. An address that is gone is forgotten."""
        query = select(push_address).where(push_address.c.subject == subject)
        rows = await self._store.change(lambda c, _at: c.execute(query).all())
        sent = await asyncio.gather(
            *(self._send(PushAddress(row.endpoint, row.p256dh, row.auth, row.language)) for row in rows)
        )
        return sum(sent)

    async def _send(self, address: PushAddress) -> bool:
        try:
            await self._check_reachable(address.endpoint)
            body = encrypt(json.dumps({"language": address.language}).encode(), address)
            answer = await fetch(
                address.endpoint,
                method="POST",
                body=body,
                headers=self._headers(address.endpoint),
                timeout=SEND_SECONDS,
                max_bytes=65_536,
                tls=self._tls,
            )
        except (PlatformError, ValueError, OSError) as error:
            log.warning("portal.push_not_sent", reason=type(error).__name__)
            return False
        if answer.status in (404, 410):
            await self._forget(hashed(address.endpoint))
        return answer.status in (200, 201, 202, 204)

    def _headers(self, endpoint: str) -> list[tuple[bytes, bytes]]:
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((self._store.clock() + timedelta(hours=12)).timestamp()),
            "sub": self._settings.push_contact,
        }
        token = jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, self._key.key, algorithms=["ES256"])
        return [
            (b"Content-Type", b"application/octet-stream"),
            (b"Content-Encoding", b"aes128gcm"),
            (b"TTL", str(KEEP_SECONDS).encode()),
            (b"Urgency", b"normal"),
            (b"Authorization", f"vapid t={token}, k={self.public_key}".encode()),
        ]

    async def _check_reachable(self, endpoint: str) -> None:
        """Nobody makes the portal knock at addresses inside the own network (request forgery)."""
        if self._settings.private_push_services:
            return
        parts = urlsplit(endpoint)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
        if not all(ipaddress.ip_address(entry[4][0]).is_global for entry in found):
            raise CallerError("the push service is inside the own network", code="bad_push_address")


def encrypt(
    plain: bytes,
    address: PushAddress,
    *,
    salt: bytes | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body of a push message (RFC 8291 3.4, RFC 8188 2.1). salt, key: fresh ones, unless given. Raises ValueError."""
    salt = salt or os.urandom(16)
    key = key or ec.generate_private_key(_curve)
    theirs, secret = _decode(address.p256dh), _decode(address.auth)
    browser = ec.EllipticCurvePublicKey.from_encoded_point(_curve, theirs)
    ours = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = key.exchange(ec.ECDH(), browser)
    material = HKDF(SHA256(), 32, salt=secret, info=b"WebPush: info\0" + theirs + ours).derive(shared)
    content_key = HKDF(SHA256(), 16, salt=salt, info=b"Content-Encoding: aes128gcm\0").derive(material)
    nonce = HKDF(SHA256(), 12, salt=salt, info=b"Content-Encoding: nonce\0").derive(material)
    header = salt + struct.pack(">IB", RECORD_SIZE, len(ours)) + ours
    return header + AESGCM(content_key).encrypt(nonce, plain + b"\x02", None)


def _check(address: PushAddress, *, private: bool) -> None:
    try:
        parts = urlsplit(address.endpoint)
        host, _port = parts.hostname or "", parts.port
        ec.EllipticCurvePublicKey.from_encoded_point(_curve, _decode(address.p256dh))
        fits = (
            len(_decode(address.auth)) == 16 and len(address.endpoint) <= 2000 and address.endpoint.isascii()
        )
    except ValueError as error:
        raise CallerError("not a push subscription", code="bad_push_address") from error
    if (
        not fits
        or parts.username is not None
        or (not private and (parts.scheme != "https" or "." not in host))
    ):
        raise CallerError("not a push subscription", code="bad_push_address")


def _point(key: SigningKey) -> bytes:
    public = key.public
    return b"\x04" + _decode(str(public["x"])) + _decode(str(public["y"]))


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
