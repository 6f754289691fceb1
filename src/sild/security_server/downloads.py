"""Evidence for information systems: `GET /asic` and `GET /verificationconf` on the client ports (WIRE 8.4), and `GET /evidence/...`,
what others are told of messages (message_evidence), `/witness/...`, and of whom they are about (log_witness).

Errors are plain text with an HTTP status, as X-Road answers here. A record is only found together with the client it
belongs to, and that client has to authenticate like for a message.
"""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast
from urllib.parse import parse_qs, quote

from sild.configuration_client import read_published
from sild.errors import PeerError, PlatformError
from sild.http1 import Request, Responder
from sild.message_log import LoggedMessage, container_name
from sild.security_server.client_authentication import Channel
from sild.security_server.log_witness import WITNESS_PATH, problem_of
from sild.security_server.message_evidence import MOST_IDS, Judgements, look_up
from sild.security_server.parts import Parts
from sild.signatures import write_asice
from sild.telemetry import get_logger
from sild.xroad.identifiers import ClientId
from sild.xroad.rest import parse_rest_request, parse_rest_response

__all__ = ["Downloads"]

log = get_logger("security_server")
EVIDENCE = b"/evidence/"
PIECE = 64 * 1024
IN_MEMORY = 4 * 1024 * 1024
VERIFICATION_FILES = frozenset({"instance-identifier", "shared-params.xml", "shared-params.xml.metadata"})


class _Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class _AsicQuery:
    """is_response: None asks for both.  unique: one container itself instead of an archive of them.  request_ids: of these exchanges
    alone (ours; X-Road has no such parameter): whoever uses an id again does not stand in the way of others."""

    client: ClientId
    query_id: str
    is_response: bool | None
    unique: bool
    force: bool
    request_ids: frozenset[str] = frozenset()


class Downloads:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._judgements = Judgements()

    def serves(self, target: bytes) -> bool:
        return target.startswith(EVIDENCE) or target.partition(b"?")[0] in (b"/asic", b"/verificationconf")

    async def handle(self, target: bytes, responder: Responder, channel: Channel) -> None:
        path, _, query = target.partition(b"?")
        try:
            if path == b"/verificationconf":
                await self._verification_conf(responder)
            elif path.startswith(EVIDENCE):
                await self._evidence(path.decode("latin-1"), query.decode("latin-1"), responder, channel)
            else:
                await self._asic(query.decode("latin-1"), responder, channel)
        except _Refused as refused:
            await _plain(responder, refused.status, refused.text)
        except PlatformError as error:
            log.refusal("downloads.refused", error)
            await _plain(responder, 500, error.message)

    # /verificationconf

    async def _verification_conf(self, responder: Responder) -> None:
        """What `sild verify` and X-Road's verifier need: the shared parameters of every known instance."""
        try:
            archive = await asyncio.to_thread(_pack_configuration, self._parts.configuration_directory)
        except (PeerError, OSError) as error:
            log.warning("downloads.no_configuration", reason=str(error))
            raise _Refused(500, "There is no global configuration yet") from error
        await responder.send(
            200,
            [
                (b"Content-Type", b"application/zip"),
                (b"Content-Disposition", b'filename="verificationconf.zip"'),
            ],
            archive,
        )

    # /asic

    async def _asic(self, query: str, responder: Responder, channel: Channel) -> None:
        wanted = _asic_query(query)
        self._authenticate(wanted.client, channel)
        await self._send_containers(wanted, responder)

    def _authenticate(self, client: ClientId, channel: Channel) -> None:
        parts = self._parts
        try:
            parts.authenticate_client(parts.conf, client, channel, parts.clock())
        except PlatformError as error:
            log.refusal("downloads.client_refused", error, client=str(client))
            raise _Refused(401, error.message) from error

    # /evidence

    async def _evidence(self, path: str, query: str, responder: Responder, channel: Channel) -> None:
        client_path, _, wanted = path.removeprefix(EVIDENCE.decode()).rpartition("/")
        try:
            client = ClientId.decode(client_path)
        except ValueError:
            raise _Refused(404, "No such client") from None
        self._authenticate(client, channel)
        given = parse_qs(query, keep_blank_values=True)
        ids = given.get("queryId", [])
        match wanted:
            case "records":
                if not 0 < len(ids) <= MOST_IDS:
                    raise _Refused(400, f"1 to {MOST_IDS} parameters queryId")
                told = await look_up(self._parts, client, ids, self._judgements)
                await responder.send(200, [(b"Content-Type", b"application/json")], json.dumps(told).encode())
            case "container":
                kind = given.get("kind", [""])[0]
                if len(ids) != 1 or kind not in ("request", "response"):
                    raise _Refused(400, "one queryId, and kind=request or response")
                asked = _AsicQuery(client, ids[0], kind == "response", unique=True, force=True)
                log.info("downloads.evidence_given", client=str(client), query_id=ids[0], kind=kind)
                await self._send_containers(asked, responder)
            case _:
                raise _Refused(404, "records or container")

    # /witness

    async def witness(self, request: Request, responder: Responder, channel: Channel) -> None:
        """What the log says about a person: `log_witness`."""
        path = request.origin_form.partition(b"?")[0].removeprefix(WITNESS_PATH).decode("latin-1")
        client_path, _, wanted = path.rpartition("/")
        found = self._parts.witness
        try:
            if found is None or client_path != found.keeper.encode():
                raise _Refused(404, "No such client")
            self._authenticate(found.keeper, channel)
            match request.method, wanted:
                case "POST", "statement":
                    said = await found.statement(request)
                case "GET", "keys":
                    said = found.keys()
                case _:
                    raise _Refused(404, "POST statement, or GET keys")
        except _Refused as refused:
            await _plain(responder, refused.status, refused.text)
        except PlatformError as error:
            log.refusal("witness.refused", error)
            status, problem = problem_of(error)
            headers = [(b"Content-Type", b"application/problem+json")]
            await responder.send(status, headers, json.dumps(problem).encode())
        else:
            await responder.send(200, [(b"Content-Type", b"application/json")], json.dumps(said).encode())

    async def _send_containers(self, wanted: _AsicQuery, responder: Responder) -> None:
        parts = self._parts
        records = await self._stamped_records(wanted)
        if wanted.unique:
            if len(records) != 1:
                raise _Refused(500, "There are several signed documents")
            name, content_type = (
                container_name(records[0]),
                b"application/vnd.etsi.asic-e+zip",
            )
        else:
            kind = {None: "", True: "-response", False: "-request"}[wanted.is_response]
            name, content_type = f"{quote(wanted.query_id, safe='')}{kind}.zip", b"application/zip"
        with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=_directory(parts)) as file:
            if wanted.unique:
                await self._write_container(records[0], file)
            else:
                await self._write_archive(records, file)
            await _send_file(responder, file, name, content_type)

    async def _stamped_records(self, wanted: _AsicQuery) -> Sequence[LoggedMessage]:
        parts = self._parts
        records = await self._records(wanted)
        if not records:
            raise _Refused(404, "No signed documents found")
        unstamped = [record for record in records if record.timestamp is None]
        if unstamped and not wanted.force:
            raise _Refused(500, "Message signature has not been timestamped yet!")
        for record in unstamped:
            await parts.timestamper.stamp(record.id)
        if unstamped:
            records = await self._records(wanted)
        return records

    async def _records(self, wanted: _AsicQuery) -> Sequence[LoggedMessage]:
        found = await self._parts.message_log.find(
            wanted.query_id, wanted.client, is_response=wanted.is_response
        )
        if not wanted.request_ids:
            return found
        return await asyncio.to_thread(
            lambda: [record for record in found if _request_id(record) in wanted.request_ids]
        )

    async def _write_container(self, record: LoggedMessage, file: IO[bytes]) -> None:
        container = await self._parts.message_log.as_asice(record)
        await asyncio.to_thread(write_asice, container, cast(BinaryIO, file), at=record.time)

    async def _write_archive(self, records: Sequence[LoggedMessage], file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for record in records:
                with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=_directory(self._parts)) as container:
                    await self._write_container(record, container)
                    container.seek(0)
                    entry = zipfile.ZipInfo(container_name(record), record.time.timetuple()[:6])
                    with archive.open(entry, "w") as out:
                        while piece := container.read(PIECE):
                            out.write(piece)


def _asic_query(query: str) -> _AsicQuery:
    given = parse_qs(query, keep_blank_values=True)

    def required(name: str) -> str:
        if name not in given:
            raise _Refused(400, f'Parameter "{name}"  must be specified.')
        return given[name][0]

    client = ClientId(
        required("xRoadInstance"),
        required("memberClass"),
        required("memberCode"),
        given["subsystemCode"][0] if "subsystemCode" in given else None,
    )
    query_id = required("queryId")
    request_only, response_only = "requestOnly" in given, "responseOnly" in given
    if request_only and response_only:
        raise _Refused(400, 'Parameters "requestOnly" and "responseOnly" cannot be used at the same time.')
    unique = "unique" in given
    if unique and not (request_only or response_only):
        raise _Refused(400, 'Parameter "unique" not applicable without "requestOnly" or "responseOnly".')
    is_response = True if response_only else False if request_only else None
    request_ids = frozenset(given.get("requestId", ()))
    return _AsicQuery(client, query_id, is_response, unique, "force" in given, request_ids)


def _request_id(record: LoggedMessage) -> str | None:
    """As it was signed, of REST; a server could say another beside it."""
    read = parse_rest_response if record.is_response else parse_rest_request
    try:
        return read(record.message).request_id
    except PeerError:
        return record.x_request_id


def _directory(parts: Parts) -> str | None:
    directory = parts.settings.spool_directory
    return None if directory is None else str(directory)


def _pack_configuration(directory: Path) -> bytes:
    """Of one generation, whatever is published meanwhile. Raises PeerError or Unavailable when there is none to be had."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in read_published(directory).entries().items():
            if path.rpartition("/")[2] in VERIFICATION_FILES:
                archive.writestr(f"verificationconf/{path}", content)
    return packed.getvalue()


async def _send_file(responder: Responder, file: IO[bytes], name: str, content_type: bytes) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    disposition = f'attachment; filename="{name}"'.encode("ascii", "replace")
    headers = [(b"Content-Type", content_type), (b"Content-Disposition", disposition)]
    await responder.start(200, headers, length=size)
    while piece := file.read(PIECE):
        await responder.write(piece)
    await responder.finish()


async def _plain(responder: Responder, status: int, text: str) -> None:
    headers = [(b"Content-Type", b"text/plain;charset=utf-8")]
    await responder.send(status, headers, text.encode())
