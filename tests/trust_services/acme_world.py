"""An ACME server on loopback, a host that answers challenges, and a client that can sign anything.

with acme_authority(tmp_path) as authority:
    account = authority.account()                    # a RawClient with a valid account
    answer = account.post("/acme/new-order", {...})  # Answer(status, headers, body)
"""

from __future__ import annotations

import base64
import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from sild.clock import Clock, system_clock
from sild.pki import CertificateProfile, PrivateKey
from sild.trust_services import AcmeOptions, TrustOptions, TrustServices
from support.asgi import Answer, Site, serving
from support.pki import name, private_key

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
HOST = "localhost"
Key = RSAKey | ECKey | OctKey


class Anything(jws.JWSRegistry):
    """Signs whatever it is told to."""

    max_header_length = 100_000
    max_payload_length = 1_000_000

    def __init__(self) -> None:
        super().__init__(algorithms=["none", "HS256", "HS384", "ES256", "ES384", "ES512", "RS256", "PS256"])
        self.strict_check_header = False


class Challenges:
    """A host that serves what stands in `answers`: by path, a body, or a status and a Location."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | tuple[int, str]] = {}
        self.asked: list[tuple[str, str]] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append((self.headers["Host"], self.path))
                answer = host.answers.get(self.path, (404, ""))
                if isinstance(answer, bytes):
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                else:
                    self.send_response(answer[0])
                    self.send_header("Location", answer[1])
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, token: str, content: str) -> None:
        self.answers[f"/.well-known/acme-challenge/{token}"] = content.encode()


class RawClient:
    """Signs requests field by field. key: the account's."""

    def __init__(self, authority: Authority, key: Key | None = None) -> None:
        self.authority = authority
        self.key = key or ECKey.generate_key("P-256")
        self.kid: str | None = None

    def nonce(self) -> str:
        answer = self.authority.site.request("HEAD", "/acme/new-nonce")
        assert answer.status == 200
        return str(answer.headers["Replay-Nonce"])

    def sign(
        self,
        target: str,
        payload: Any,
        *,
        header: Mapping[str, Any] | None = None,
        key: Key | None = None,
        without: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """header: instead of, or beside, what is right.  payload: None for POST-as-GET, bytes as they are."""
        own = key or self.key
        algorithm = {RSAKey: "RS256", OctKey: "HS256"}.get(type(own), "ES256")  # type: ignore[arg-type]
        full = {"alg": algorithm, "nonce": None, "url": self.authority.url + target, **(header or {})}
        if full["nonce"] is None:
            full["nonce"] = self.nonce()
        if "jwk" not in full and "kid" not in full:
            full |= {"kid": self.kid} if self.kid else {"jwk": own.as_dict(private=False)}
        for field in without:
            full.pop(field, None)
        data = (
            b""
            if payload is None
            else payload
            if isinstance(payload, bytes)
            else json.dumps(payload).encode()
        )
        return dict(jws.serialize_json({"protected": full}, data, own, registry=Anything()))  # type: ignore[call-overload]

    def send(self, target: str, body: Any, content_type: str = "application/jose+json") -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.authority.site.request("POST", target, body=data, headers={"Content-Type": content_type})

    def post(self, target: str, payload: Any, **changes: Any) -> Answer:
        target = target.removeprefix(self.authority.url)
        return self.send(target, self.sign(target, payload, **changes))

    def register(self, **content: Any) -> Answer:
        answer = self.post("/acme/new-account", {"termsOfServiceAgreed": True, **content})
        if answer.status in (200, 201):
            self.kid = answer.headers["Location"]
        return answer

    def bind(self, kid: str, mac_key: str, **changes: Any) -> dict[str, Any]:
        """An externalAccountBinding of this client's key."""
        header = {"alg": "HS256", "kid": kid, "url": self.authority.url + "/acme/new-account"} | changes
        secret = OctKey.import_key(base64.urlsafe_b64decode(mac_key + "=" * (-len(mac_key) % 4)))
        payload = json.dumps(self.key.as_dict(private=False)).encode()
        return dict(jws.serialize_json({"protected": header}, payload, secret, registry=Anything()))  # type: ignore[call-overload]

    def order(self, *names: str, **content: Any) -> Answer:
        identifiers = [{"type": "dns", "value": value} for value in names or (HOST,)]
        return self.post("/acme/new-order", {"identifiers": identifiers, **content})

    def prove(self, order: dict[str, Any]) -> None:
        """Serve and answer all challenges."""
        for url in order["authorizations"]:
            (challenge,) = self.post(url, None).json()["challenges"]
            token = challenge["token"]
            self.authority.challenges.serve(token, f"{token}.{self.key.thumbprint()}")
            answer = self.post(challenge["url"], {})
            assert answer.json()["status"] == "valid", answer.text

    def ready(self, *names: str, **content: Any) -> dict[str, Any]:
        answer = self.order(*names, **content)
        assert answer.status == 201, answer.text
        order: dict[str, Any] = answer.json()
        self.prove(order)
        return order

    def issued(self, csr: bytes | None = None) -> x509.Certificate:
        order = self.ready()
        answer = self.post(order["finalize"], {"csr": b64(csr or request())})
        assert answer.status == 200, answer.text
        return x509.load_pem_x509_certificate(self.post(answer.json()["certificate"], None).body)


class Authority:
    def __init__(self, services: TrustServices, site: Site, challenges: Challenges) -> None:
        self.services = services
        self.site = site
        self.challenges = challenges
        self.url = site.url
        assert services.acme is not None
        self.acme = services.acme

    def client(self, key: Key | None = None) -> RawClient:
        return RawClient(self, key)

    def account(self, key: Key | None = None, **binding: Any) -> RawClient:
        """A new account, with a binding of its own where one is needed."""
        client = RawClient(self, key)
        content: dict[str, Any] = {}
        if self.acme.options.external_account_required:
            external = self.acme.add_external_account("Member", **({"subject": None} | binding))
            content["externalAccountBinding"] = client.bind(external.kid, external.mac_key)
        answer = client.register(**content)
        assert answer.status == 201, answer.text
        return client


@contextmanager
def acme_authority(
    directory: Path, *, clock: Clock = system_clock, database_url: str | None = None, **options: Any
) -> Iterator[Authority]:
    bound = socket.create_server(("127.0.0.1", 0))
    challenges = Challenges()
    given = {"private_networks": LOOPBACK, "challenge_port": challenges.port, **options}
    acme = AcmeOptions(f"http://127.0.0.1:{bound.getsockname()[1]}", **given)
    start = TrustServices.open if TrustServices.exists(directory) else TrustServices.create
    services = start(
        directory,
        password="secret",
        options=TrustOptions(name="Test", acme=acme),
        clock=clock,
        database_url=database_url,
    )
    try:
        with serving(services.app, bound) as site:
            yield Authority(services, site, challenges)
    finally:
        challenges.close()
        services.close()


def request(
    subject: x509.Name | None = None,
    *,
    names: tuple[str, ...] = (HOST,),
    key: PrivateKey | None = None,
    change: Callable[[x509.CertificateSigningRequestBuilder], x509.CertificateSigningRequestBuilder]
    | None = None,
) -> bytes:
    """A certificate request, DER."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject or name(CN=HOST))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
    builder = change(builder) if change else builder
    signed = builder.sign(key or private_key("ec-p256", "requests"), hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def problem(answer: Answer) -> str:
    """The kind of a problem document, which must be one."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    assert answer.headers["Replay-Nonce"]
    document = answer.json()
    assert document["status"] == answer.status and document["detail"]
    return str(document["type"]).removeprefix("urn:ietf:params:acme:error:")


__all__ = [
    "HOST", "LOOPBACK", "Authority", "CertificateProfile", "Challenges", "RawClient", "acme_authority", "b64",
    "problem", "request",
]  # fmt: skip
