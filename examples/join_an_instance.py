"""A new organisation joins a running demo with a security server of its own, from outside: as it would join a country.

    sild demo &                                             # in another terminal
    python examples/join_an_instance.py .sild/nation.json

1 the operator enters the member   2 token, keys, certificates of the demo's authority   3 the server registers itself
4 a registrar approves             5 a subsystem is registered, and approved             6 its first exchange

Steps 1 and 4 are the operator's; this program can play the operator because it may read the demo's directory.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from sild.central_server import CentralServer
from sild.http1 import fetch
from sild.security_server import (
    ClientStatus,
    ConnectionType,
    PeerRoute,
    SecurityServer,
    SecurityServerSettings,
)
from sild.signer import KeyAlgorithm, KeyUsage
from sild.xroad.identifiers import ClientId

MEMBER_CLASS, NAME, SUBSYSTEM = "COM", "Newcomers Ltd", "desk"


async def main(nation: dict[str, Any], directory: Path) -> None:
    code = str(10_000_000 + secrets.randbelow(90_000_000))
    owner = ClientId(nation["instance_identifier"], MEMBER_CLASS, code)
    operator = CentralServer.open(Path(nation["central_server"]["directory"]))

    operator.add_member(MEMBER_CLASS, code, NAME)
    server = SecurityServer(settings(nation, owner, directory))
    await equip(server, owner, nation["trust_services"]["address"])
    server.serverconf.add_timestamping_service("TSA", nation["trust_services"]["timestamping"])
    await server.start()
    try:
        await join(server, owner, operator)
        await first_exchange(server, owner.with_subsystem(SUBSYSTEM), nation)
    finally:
        await server.stop(1.0)
        operator.close()


def settings(nation: dict[str, Any], owner: ClientId, directory: Path) -> SecurityServerSettings:
    """Servers of the demo share one machine, so their published names lead to ports of it (`peer_routes`)."""
    routes = {}
    for other in nation["security_servers"]:
        messages, ocsp = (other["addresses"][name] for name in ("server_proxy", "ocsp_responder"))
        port, ocsp_port = (int(address.rpartition(":")[2]) for address in (messages, ocsp))
        routes[other["published_address"]] = PeerRoute(host="127.0.0.1", port=port, ocsp_port=ocsp_port)
    http, https, messages_port, ocsp_responder = free_ports(4)
    return SecurityServerSettings(
        owner=str(owner),
        server_code="newcomer",
        anchor=Path(nation["anchor_file"]),
        directory=directory,
        client_http_port=http,
        client_https_port=https,
        server_proxy_port=messages_port,
        ocsp_responder_port=ocsp_responder,
        configuration_interval=1.0,
        peer_routes=routes,
    )


async def equip(server: SecurityServer, owner: ClientId, authority: str) -> None:
    """A token, a sign key for the owner and an authentication key; certificates over the wire from the authority."""
    await server.initialise_token(secrets.token_urlsafe(12))
    for usage, kind in ((KeyUsage.SIGNING, "sign"), (KeyUsage.AUTHENTICATION, "auth")):
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, NAME),
                x509.NameAttribute(NameOID.BUSINESS_CATEGORY, owner.member_class),
                x509.NameAttribute(NameOID.SERIAL_NUMBER, owner.member_code),
            ]
        )
        request = await server.request_certificate(usage, owner, subject, KeyAlgorithm.EC_P256)
        await server.import_certificate(await issued(authority, kind, request))
        print(f"{kind} certificate issued")


async def issued(authority: str, kind: str, request: bytes) -> bytes:
    """What `curl -F certreq=@request -F type=sign AUTHORITY/testca/sign` does."""
    boundary = secrets.token_hex(16).encode()
    parts = (
        b'Content-Disposition: form-data; name="type"\r\n\r\n' + kind.encode(),
        b'Content-Disposition: form-data; name="certreq"; filename="request.p10"\r\n\r\n' + request,
    )
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary
    content_type = b"multipart/form-data; boundary=" + boundary
    answer = await fetch(
        f"{authority}/testca/sign", method="POST", body=body, headers=[(b"Content-Type", content_type)]
    )
    if answer.status != 200:
        raise SystemExit(f"the authority refused: {answer.status} {answer.body.decode(errors='replace')}")
    return answer.body


async def join(server: SecurityServer, owner: ClientId, operator: CentralServer) -> None:
    registration = server.registration
    number = await registration.register_auth_certificate("newcomer.localhost")
    print(f"request {number}: {server.server_id} {operator.management_request(number).status.lower()}")
    operator.approve_management_request(number)
    await until(lambda: all(info.is_usable for info in server.signer.keyring.certificates()))
    await asyncio.sleep(3)  # the other servers have the configuration too
    print(f"request {number}: {server.server_id} registered")

    client = owner.with_subsystem(SUBSYSTEM)
    server.serverconf.add_client(client, connection_type=ConnectionType.HTTP)
    number = await registration.register_client(client, name="The desk")
    print(f"request {number}: {client} {operator.management_request(number).status.lower()}")
    operator.approve_management_request(number)
    await until(lambda: server.serverconf.snapshot.clients[client].status is ClientStatus.REGISTERED)
    await asyncio.sleep(3)
    print(f"request {number}: {client} registered")


async def first_exchange(server: SecurityServer, client: ClientId, nation: dict[str, Any]) -> None:
    """What the register's subsystem offers, told by itself; using it would need a right its owner gives."""
    host, port = server.addresses["client_http"]
    provider = nation["services"][0]["path"].rpartition("/")[0]
    for path in (f"{provider}/listMethods", f"{nation['services'][0]['path']}/persons/1"):
        answer = await fetch(
            f"http://{host}:{port}{path}", headers=[(b"X-Road-Client", client.encode().encode())]
        )
        print(f"{path}: {answer.status} {(answer.header(b'x-road-error') or b'').decode()}".rstrip())
        if path.endswith("listMethods") and answer.status != 200:
            raise SystemExit(answer.body.decode(errors="replace"))


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not seen():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.1)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), Path(made)))
