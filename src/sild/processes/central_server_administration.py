"""`sild central-server requests ...` and `... tls ...`: for registrars and administrators, beside the server that runs.

They work on the same database and files; the server notices a change of the register within two seconds, a change of its TLS key at
the next connection.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

import click

from sild.central_server import CentralServer, ManagementRequestRecord, RequestKind, RequestStatus
from sild.errors import CallerError
from sild.pki import certificate_hash
from sild.processes.same_user import ensure_same_user
from sild.settings import read_settings
from sild.xroad import ClientId, SecurityServerId
from sild.xroad.management import AuthCertRegistration, ClientRegistration, ManagementRequest

if TYPE_CHECKING:
    from sild.processes.central_server import CentralServerSettings

__all__ = ["requests_command", "tls_command"]

F = TypeVar("F", bound=Callable[..., object])

Told = dict[str, str | int | None]


def _config(function: F) -> F:
    return click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        required=True,
        help="The central server's settings (TOML).",
    )(function)


def _json(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document.")(function)


@contextmanager
def _opened(config: Path) -> Iterator[CentralServer]:
    """The register of these settings, without its signing keys: the PIN is not needed."""
    settings = _settings(config)
    directory = config.parent.resolve() / settings.directory
    if not directory.is_dir():
        raise CallerError(
            f"there is no central server in {directory} yet: start it first (`sild central-server --config ...`)"
        )
    ensure_same_user(directory / "keys" / "softtoken.p12")
    server = CentralServer.open(directory, database_url=settings.database)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def _changed(config: Path) -> Iterator[CentralServer]:
    """The same for a change: all or nothing, with the user's name in its audit rows."""
    with _opened(config) as server, server.transaction(f"local user {getpass.getuser()}"):
        yield server


def _settings(config: Path) -> CentralServerSettings:
    from sild.processes.central_server import CentralServerSettings

    return read_settings(CentralServerSettings, config)


# --- requests


@click.group("requests")
def requests_command() -> None:
    """See, approve and decline management requests, and enter the registrar's own."""


@requests_command.command("list")
@_config
@_json
@click.option("--status", multiple=True, type=click.Choice(get_args(RequestStatus), case_sensitive=False))
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(get_args(RequestKind), case_sensitive=False)
)
@click.option("--pending", is_flag=True, help="Those somebody has to decide.")
@click.option("--query", default="", help="Part of a number, server, client or owner's name.")
@click.option("--limit", default=50, show_default=True)
@click.option("--offset", default=0)
def list_requests(
    config: Path,
    *,
    as_json: bool,
    status: tuple[RequestStatus, ...],
    kinds: tuple[RequestKind, ...],
    pending: bool,
    query: str,
    limit: int,
    offset: int,
) -> None:
    """The newest first."""
    wanted: tuple[RequestStatus, ...] = ("WAITING", "SUBMITTED FOR APPROVAL") if pending else status
    with _opened(config) as server:
        page = server.find_management_requests(query, kinds=kinds, status=wanted, limit=limit, offset=offset)
    if as_json:
        items = [_told(record) for record in page.items]
        click.echo(json.dumps({"total_items": page.total_items, "items": items}, ensure_ascii=False))
        return
    for record in page.items:
        click.echo(_line(record))
    click.echo(f"{len(page.items)} of {page.total_items}")


@requests_command.command("approve")
@_config
@_json
@click.argument("numbers", nargs=-1, required=True, type=int)
def approve(config: Path, *, as_json: bool, numbers: tuple[int, ...]) -> None:
    """Approve requests: all of them, or none if one cannot be."""
    _decide(config, numbers, CentralServer.approve_management_request, as_json=as_json)


@requests_command.command("decline")
@_config
@_json
@click.argument("numbers", nargs=-1, required=True, type=int)
def decline(config: Path, *, as_json: bool, numbers: tuple[int, ...]) -> None:
    """Decline requests; an own one that no server has complemented is revoked."""
    _decide(config, numbers, CentralServer.decline_management_request, as_json=as_json)


@requests_command.command("add-client")
@_config
@_json
@click.argument("server")
@click.argument("client")
@click.option("--name", help="Of the subsystem, for people.")
@click.option("--comments", help="What the decision rests on.")
def add_client(
    config: Path, *, as_json: bool, server: str, client: str, name: str | None, comments: str | None
) -> None:
    """Ask for CLIENT (`DEV:COM:1234:Sub`) to be registered on SERVER (`DEV:COM:1234:SS1`); its own request then needs no approval."""
    _add(
        config,
        ClientRegistration(_server_id(server), _client_id(client), name),
        as_json=as_json,
        comments=comments,
    )


@requests_command.command("add-certificate")
@_config
@_json
@click.argument("server")
@click.argument("certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--address", default="", help="Of the server; what it says itself counts otherwise.")
@click.option("--comments", help="What the decision rests on.")
def add_certificate(
    config: Path, *, as_json: bool, server: str, certificate: Path, address: str, comments: str | None
) -> None:
    """Ask for SERVER (`DEV:COM:1234:SS1`) to be known by an authentication certificate (DER or PEM file)."""
    try:
        data = certificate.read_bytes()
    except OSError as error:
        raise CallerError(f"{certificate}: {error.strerror or error}") from error
    request = AuthCertRegistration(_server_id(server), address, data)
    _add(config, request, as_json=as_json, comments=comments)


def _add(config: Path, request: ManagementRequest, *, as_json: bool, comments: str | None) -> None:
    with _changed(config) as server:
        record = server.submit_management_request(request, origin="CENTER", comments=comments)
    _tell(record, as_json=as_json)


def _client_id(text: str) -> ClientId:
    try:
        return ClientId.parse(text)
    except ValueError as error:
        raise CallerError(str(error)) from error


def _server_id(text: str) -> SecurityServerId:
    owner, _, code = text.rpartition(":")
    member = _client_id(owner)
    if member.subsystem_code is not None or not code:
        raise CallerError(f"a security server identifier is INSTANCE:CLASS:CODE:SERVER: {text!r}")
    return SecurityServerId(member, code)


def _decide(
    config: Path,
    numbers: tuple[int, ...],
    decision: Callable[[CentralServer, int], ManagementRequestRecord],
    *,
    as_json: bool,
) -> None:
    with _changed(config) as server:
        records = [decision(server, number) for number in numbers]
    for record in records:
        _tell(record, as_json=as_json)


def _tell(record: ManagementRequestRecord, *, as_json: bool) -> None:
    click.echo(json.dumps(_told(record), ensure_ascii=False) if as_json else _line(record))


def _told(record: ManagementRequestRecord) -> Told:
    """What a program is told. `auth_certificate`: SHA-256 of the DER."""
    request = record.request
    told: Told = {
        "id": record.id,
        "kind": record.kind,
        "origin": record.origin,
        "status": record.status,
        "security_server": str(request.server),
        "owner_name": record.owner_name,
        "created_at": record.created_at.isoformat(),
        "comments": record.comments,
    }
    for name in ("client", "address", "subsystem_name", "message"):
        value = getattr(request, name, None)
        if value is not None:
            told[name] = str(value)
    certificate = getattr(request, "auth_certificate", None)
    if certificate is not None:
        told["auth_certificate"] = certificate_hash(certificate).hex()
    return told


def _line(record: ManagementRequestRecord) -> str:
    told = _told(record)
    about = (
        told.get(name) for name in ("client", "subsystem_name", "address", "message", "auth_certificate")
    )
    words = " ".join(str(value) for value in about if value)
    return (
        f"{record.id:>6}  {record.status:<22}  {record.kind:<31}  {told['security_server']}  {words}".rstrip()
    )


# --- TLS key of the services


@click.group("tls")
def tls_command() -> None:
    """The TLS key of the registration and management services."""


@tls_command.command("renew")
@_config
def renew(config: Path) -> None:
    """Make a new key and self-signed certificate, and have security servers told."""
    with _changed(config) as server:
        certificate = server.renew_management_service_key()
    click.echo(certificate_hash(certificate).hex())


@tls_command.command("request")
@_config
def certificate_request(config: Path) -> None:
    """Print a certificate request (PKCS#10, PEM) for the key in use."""
    with _opened(config) as server:
        click.echo(server.management_service_certificate_request().decode(), nl=False)


@tls_command.command("import")
@_config
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_certificate(config: Path, file: Path) -> None:
    """Use an issued certificate (PEM, intermediates after it), and have security servers told."""
    try:
        pem = file.read_bytes()
    except OSError as error:
        raise CallerError(f"{file}: {error.strerror or error}") from error
    with _changed(config) as server:
        certificate = server.import_management_service_certificate(pem)
    click.echo(certificate_hash(certificate).hex())
