"""Trust services in a directory of their own, certificate requests, and HTTP spoken to the application directly."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.applications import Starlette

from sild.pki import PrivateKey
from sild.trust_services import TrustOptions
from support.pki import NOW, name, private_key

KEY = "the key of the registration desk"
OPTIONS = TrustOptions(
    name="Test",
    ocsp_url="http://127.0.0.1:8888/ocsp",
    signing_form=True,
    api_keys={"desk": hashlib.sha256(KEY.encode()).digest()},
)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def call(
    app: Starlette,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] = b"",
    *,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request, the path as it would stand on the wire; an iterable body comes in pieces."""
    pieces = iter([body] if isinstance(body, bytes) else body)
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(key.lower().encode(), value.encode()) for key, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)  # type: ignore[arg-type]  # ASGI's messages are dictionaries
    start = sent[0]
    parts = [message["body"] for message in sent[1:]]
    return Answer(
        start["status"],  # type: ignore[arg-type]
        {key.decode(): value.decode() for key, value in start["headers"]},  # type: ignore[attr-defined]
        b"".join(parts),  # type: ignore[arg-type]
    )


def ocsp_path(request: bytes) -> str:
    return "/ocsp/" + quote(base64.b64encode(request).decode(), safe="")


def certificate_request(
    subject: x509.Name | None = None,
    *,
    key: PrivateKey | None = None,
    dns_names: Iterable[str] = (),
    encoding: Encoding = Encoding.DER,
    digest: hashes.SHA256 | None = None,
) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        name(O="Member", CN="1234") if subject is None else subject
    )
    if dns_names:
        names = [x509.DNSName(dns_name) for dns_name in dns_names]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    request = builder.sign(key or private_key("ec-p256", "requests"), digest or hashes.SHA256())
    return request.public_bytes(encoding)


def form(
    fields: Iterable[tuple[str, str | None, bytes]], *, boundary: str = "----b"
) -> tuple[bytes, dict[str, str]]:
    """(name, file name, data) as a browser sends them: the body and its headers."""
    body = b""
    for field, file_name, data in fields:
        more = (
            "" if file_name is None else f'; filename="{file_name}"\r\nContent-Type: application/octet-stream'
        )
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{more}\r\n\r\n'.encode()
            + data
            + b"\r\n"
        )
    body += f"--{boundary}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={boundary}"}


class SettableClock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at
