"""What is kept and judged later: signatures, hash chains, containers, archives, recorded messages."""

from __future__ import annotations

import io
from datetime import timedelta
from functools import cache
from hashlib import sha512

from fuzz.target import SHARED, Target
from sild.message_log import verify_archive
from sild.message_log.linking import LinkingInfo
from sild.signatures import (
    AsicContainer,
    Attachment,
    SignedPart,
    build_hash_chains,
    parse_signature,
    read_asice,
    verify_hash_chain,
    verify_signature,
    write_asice,
)
from sild.xroad.archive_linking import parse_linking, verify_linking
from sild.xroad.evidence import verify_container, verify_transport_message
from sild.xroad.globalconf import GlobalConf
from support.pki import NOW, Pki
from support.recorded_exchanges import RECORDED_AT, configuration
from support.signed_messages import MESSAGE, sign

PARTS = (
    SignedPart("/message.xml", sha512(MESSAGE).digest()),
    SignedPart("/attachment1", sha512(b"body").digest()),
    SignedPart("/attachment2", sha512(b"more").digest()),
)
BETWEEN = b"\n=====\n"


def _signature(data: bytes) -> None:
    signature = parse_signature(data, strict_schema=len(data) % 2 == 0)
    verify_signature(signature, parts={"/message.xml": MESSAGE})


def _hash_chain(data: bytes) -> None:
    """Result and chain."""
    result, _, chain = data.partition(BETWEEN)
    inputs = {part.uri: part for part in PARTS}
    verify_hash_chain(result, files={"/sig-hashchain.xml": chain}, inputs=inputs)


def _hash_chain_seeds() -> list[bytes]:
    found = []
    for batch in ([list(PARTS)], [list(PARTS), [SignedPart("/message.xml", b"\x01" * 64)]]):
        chains = build_hash_chains(batch)
        found.append(chains.result + BETWEEN + chains.chains[0])
    return found


@cache
def _configuration() -> GlobalConf | None:
    return configuration(SHARED) if (SHARED / "wire" / "globalconf").is_dir() else None


def _container(data: bytes) -> None:
    container = read_asice(io.BytesIO(data))
    for attachment in container.attachments:
        with attachment.open() as opened:
            opened.read()
    globalconf = _configuration()
    if globalconf is not None:
        verify_container(container, globalconf, at=RECORDED_AT)


def _container_seeds() -> list[bytes]:
    chains = build_hash_chains([list(PARTS)])
    stamp = Pki().timestamp(b"data")
    found = []
    for container in (
        AsicContainer(message=MESSAGE, signature=sign(MESSAGE)),
        AsicContainer(
            message=MESSAGE,
            signature=sign(chains.result, uri="/sig-hashchainresult.xml"),
            hash_chain_result=chains.result,
            hash_chain=chains.chains[0],
            timestamp=stamp,
            ts_hash_chain_result=chains.result,
            ts_hash_chain=chains.chains[0],
            attachments=(Attachment.of_bytes(1, b"body"), Attachment.of_bytes(2, b"more")),
        ),
    ):
        out = io.BytesIO()
        write_asice(container, out, at=NOW)
        found.append(out.getvalue())
    return found


def _linking_info() -> LinkingInfo:
    linking = LinkingInfo("", "")
    for name in ("a-request-1.asice", "a-response-2.asice", "b-request-3.asice"):
        linking.add(name, sha512(name.encode()).digest())
    return linking


def _linking(data: bytes) -> None:
    linking = parse_linking(data)
    names = [name for _, name in linking.entries]
    verify_linking(linking, names, lambda name: sha512(name.encode()).digest())


def _archive_seeds() -> list[bytes]:
    from zipfile import ZipFile

    out = io.BytesIO()
    linking = _linking_info()
    with ZipFile(out, "w") as archive:
        for _, name in linking.entries:
            archive.writestr(name, name)
        archive.writestr("linkinginfo", linking.render())
    return [out.getvalue()]


def _judged(data: bytes) -> None:
    globalconf = _configuration()
    if globalconf is not None:
        verify_transport_message([data], globalconf, at=RECORDED_AT + timedelta(seconds=1))


TARGETS = (
    Target("signature", "xml", _signature, lambda: [sign(), sign(kind="rsa-2048")]),
    Target("hash_chain", "xml", _hash_chain, _hash_chain_seeds),
    Target("container", "zip", _container, _container_seeds, ["asice/*.asice"]),
    Target("linkinginfo", "lines", _linking, lambda: [_linking_info().render()]),
    Target("archive", "zip", lambda data: verify_archive(io.BytesIO(data)), _archive_seeds, ["messagelog-archive/*.zip"]),
    Target("recorded_message", "mime", _judged, list, ["wire/*.req", "wire/*.resp"]),
)  # fmt: skip
