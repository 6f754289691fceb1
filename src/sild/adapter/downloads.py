"""What our own security server gives out itself: evidence, the verification configuration, the list of clients (WIRE 8.4, 14)."""

from __future__ import annotations

import asyncio
import io
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from sild.adapter.evidence import (
    Evidence,
    EvidenceContainer,
    EvidenceHandle,
    asic_refusal,
    asic_target,
    logged_target,
    read_containers,
    read_evidence,
    request_target,
    too_many_messages,
)
from sild.adapter.exchange import Call, Exchanges
from sild.adapter.metaservices import ListedClient, list_clients_target, read_client_list
from sild.adapter.rest import not_xroad
from sild.errors import PeerError
from sild.http1 import BodyTooLarge, ClientResponse, Header
from sild.xroad import ClientId

__all__ = ["Downloads", "unpack_configuration"]

MAX_ENTRIES = 1000


class Downloads:
    """GET requests to the server itself: they may all be repeated."""

    def __init__(self, exchanges: Exchanges, max_bytes: int) -> None:
        self._exchanges = exchanges
        self._max_bytes = max_bytes

    async def evidence(self, handle: EvidenceHandle, *, stamp_now: bool) -> Evidence:
        archive = await self._asic(asic_target(handle, stamp_now=stamp_now), ())
        return read_evidence(archive, handle, max_bytes=self._max_bytes)

    async def logged(
        self, client: ClientId, query_id: str, *, stamp_now: bool, request_ids: Collection[str]
    ) -> tuple[EvidenceContainer, ...]:
        target = logged_target(client, query_id, stamp_now=stamp_now, request_ids=request_ids)
        archive = await self._asic(target, ())
        return await asyncio.to_thread(lambda: tuple(read_containers(archive, max_bytes=self._max_bytes)))

    async def request_container(self, client: ClientId, query_id: str) -> bytes:
        named = ((b"X-Road-Client", client.encode().encode()),)
        return await self._asic(request_target(client, query_id), named)

    async def _asic(self, target: bytes, headers: tuple[Header, ...]) -> bytes:
        async def judge(response: ClientResponse, _attempt: int) -> bytes:
            try:
                body = await response.read(self._max_bytes)
            except BodyTooLarge:
                raise too_many_messages() from None
            if response.status != 200:
                raise asic_refusal(response.status, body)
            return body

        return await self._exchanges.run(
            Call("GET", target, headers, judge, repeatable=True, service="/asic")
        )

    async def list_clients(self, instance_identifier: str | None) -> tuple[ListedClient, ...]:
        headers = ((b"Accept", b"application/json"),)
        return read_client_list(await self._get(list_clients_target(instance_identifier), headers))

    async def verification_conf(self) -> bytes:
        """The ZIP of `/verificationconf`."""
        return await self._get(b"/verificationconf", ())

    async def _get(self, target: bytes, headers: tuple[Header, ...]) -> bytes:
        async def judge(response: ClientResponse, _attempt: int) -> bytes:
            if response.status != 200:
                raise not_xroad(response.status, response.headers)
            return await response.read(self._max_bytes)

        service = target.partition(b"?")[0].decode()
        return await self._exchanges.run(
            Call("GET", target, headers, judge, repeatable=True, service=service)
        )


def unpack_configuration(archive: bytes, directory: Path, *, max_bytes: int) -> Path:
    """Unpack the ZIP of `/verificationconf` below `directory`; gives the directory `load_globalconf` and `sild verify` take.

    Names that lead elsewhere are refused. Raises PeerError (`invalid_message`).
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > max_bytes:
                raise PeerError("a larger configuration than can be taken in", code="invalid_message")
            for entry in entries:
                _write(directory, entry.filename, opened.read(entry))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise PeerError(
            f"the configuration is not a readable ZIP file: {error}", code="invalid_message"
        ) from None
    return directory / "verificationconf"


def _write(directory: Path, name: str, data: bytes) -> None:
    path = PurePosixPath(name)
    if path.parts[:1] != ("verificationconf",) or ".." in path.parts or "\\" in name or "\0" in name:
        raise PeerError(f"an entry that leads elsewhere: {name[:80]!r}", code="invalid_message")
    target = directory.joinpath(*path.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
