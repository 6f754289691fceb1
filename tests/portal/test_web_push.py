"""Web Push: the RFC's own example, a push service that decrypts as a browser does, addresses that are gone or inside the network."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sild.errors import CallerError
from sild.portal.push import PushAddress, encrypt
from support.asgi import Site, serving
from support.portal_world import MARI, PortalWorld


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_example_of_rfc_8291() -> None:
    """Appendix A, byte for byte."""
    receiver = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    private = int.from_bytes(unb64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
    key = ec.derive_private_key(private, ec.SECP256R1())
    address = PushAddress("https://push.example", receiver, "BTBZMqHH6r4Tts7J_aSIgg", "en")
    body = encrypt(
        b"When I grow up, I want to be a watermelon", address, salt=unb64("DGv6ra1nlYgDCS1FRnbzlw"), key=key
    )
    assert b64(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
        "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@dataclass
class PushService:
    """What a push service and the browser behind it do: check VAPID, decrypt (RFC 8291 3.4)."""

    got: list[object] = field(default_factory=list)
    status: int = 201
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = field(default_factory=lambda: os.urandom(16))
    origin: str = ""

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self) -> dict[str, object]:
        return {
            "endpoint": self.origin + "/send/1",
            "keys": {"p256dh": b64(self.point), "auth": b64(self.secret)},
        }

    async def receive(self, request: Request) -> Response:
        scheme, _, rest = request.headers["authorization"].partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        point = unb64(parts["k"])
        key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])})
        claims = jwt.decode(parts["t"], key, algorithms=["ES256"]).claims
        assert scheme == "vapid" and claims["aud"] == self.origin and claims["sub"].startswith("mailto:")
        assert request.headers["content-encoding"] == "aes128gcm" and int(request.headers["ttl"]) > 0
        self.got.append(json.loads(self.decrypt(await request.body())))
        return Response(status_code=self.status)

    def decrypt(self, body: bytes) -> bytes:
        salt, sender, sealed = body[:16], body[21 : 21 + body[20]], body[21 + body[20] :]
        shared = self.key.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        )
        material = HKDF(SHA256(), 32, salt=self.secret, info=b"WebPush: info\0" + self.point + sender).derive(
            shared
        )
        key = HKDF(SHA256(), 16, salt=salt, info=b"Content-Encoding: aes128gcm\0").derive(material)
        nonce = HKDF(SHA256(), 12, salt=salt, info=b"Content-Encoding: nonce\0").derive(material)
        plain = AESGCM(key).decrypt(nonce, sealed, None)
        assert plain[-1:] == b"\x02"
        return plain[:-1]

    @contextmanager
    def running(self) -> Iterator[Site]:
        with serving(Starlette(routes=[Route("/send/1", self.receive, methods=["POST"])])) as site:
            self.origin = site.url
            yield site


def subscribe(world: PortalWorld, service: PushService) -> int:
    browser = world.browser()
    browser.log_in()
    token = browser.open("/settings").form("/logout")["fields"]["form_token"]
    headers = {"X-Form-Token": token, "X-Requested-By": "portal", "Content-Type": "application/json"}
    return browser.request(
        "POST", "/settings/push", json.dumps(service.subscription()).encode(), headers
    ).status


async def test_a_wake_up_reaches_the_phone_and_says_nothing(world: PortalWorld) -> None:
    service = PushService()
    with service.running():
        assert subscribe(world, service) == 201
        assert await world.portal.push.wake(MARI.subject) == 1
        assert service.got == [{"language": "en"}]
        assert await world.portal.push.wake("EE38001085718") == 0


async def test_news_wake_the_phone_once(world: PortalWorld) -> None:
    service = PushService()
    with service.running():
        world.clock.forward(minutes=-5)
        subscribe(world, service)
        assert await world.portal.wake_for_news() == 1  # a notice came since
        assert await world.portal.wake_for_news() == 0
        assert len(service.got) == 1
        world.cases.down = True
        assert await world.portal.wake_for_news() == 0


async def test_an_address_that_is_gone_is_forgotten(world: PortalWorld) -> None:
    service = PushService(status=410)
    with service.running():
        subscribe(world, service)
        assert await world.portal.push.wake(MARI.subject) == 0
        assert await world.portal.push.count(MARI.subject) == 0
        service.status = 500
        subscribe(world, service)
        assert await world.portal.push.wake(MARI.subject) == 0
        assert await world.portal.push.count(MARI.subject) == 1  # it may be back


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/1",
        "https://localhost/1",
        "https://u@push.example/1",
        "ftp://push.example",
        "x",
        "https://[::1",
    ],
)
async def test_addresses_nobody_should_knock_at(tmp_path: Path, endpoint: str) -> None:
    with PortalWorld(tmp_path, private_push_services=False).running() as world:
        service = PushService()
        address = PushAddress(endpoint, b64(service.point), b64(service.secret), "en")
        with pytest.raises(CallerError):
            await world.portal.push.add(MARI.subject, address)


async def test_an_address_inside_the_own_network(tmp_path: Path) -> None:
    """Whatever name it has: it is looked up before it is called."""
    with PortalWorld(tmp_path, private_push_services=False).running() as world:
        service = PushService()
        address = PushAddress("https://127.0.0.1/1", b64(service.point), b64(service.secret), "en")
        await world.portal.push.add(MARI.subject, address)
        assert await world.portal.push.wake(MARI.subject) == 0
