"""`sild security-server register ...`, `client ...`, `states` and so on: registration, beside the server that runs.

They work on the same databases and keys, and send management requests through the running server's port 8443, as X-Road's admin
service does; the server takes up what they change within `server_configuration_interval`. Registering the first authentication
certificate needs no running server, only a global configuration it has downloaded, or one that can be had now.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click
from cryptography import x509
from cryptography.x509.oid import NameOID

from sild.errors import CallerError, PlatformError
from sild.processes.same_user import ensure_same_user
from sild.security_server import ClientStatus, ConnectionType, Registration, SecurityServer
from sild.settings import read_settings
from sild.signer import KeyUsage
from sild.xroad.identifiers import ClientId

if TYPE_CHECKING:
    from sild.acme_client import AcmeClient
    from sild.security_server import SecurityServerSettings

__all__ = ["ADMINISTRATION"]

Told = dict[str, object]
NAMES_OF_ATTRIBUTES = {"serialNumber": NameOID.SERIAL_NUMBER, "businessCategory": NameOID.BUSINESS_CATEGORY}
P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., object])


class _ClientIdType(click.ParamType[ClientId]):
    name = "client"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ClientId:
        try:
            return ClientId.parse(str(value))
        except (ValueError, PlatformError) as error:
            self.fail(str(error), param, ctx)


CLIENT = _ClientIdType()


def _settings(config: Path) -> SecurityServerSettings:
    from sild.processes.security_server import SecurityServerProcessSettings

    return read_settings(SecurityServerProcessSettings, config).at(config.parent.resolve())


def _administers(
    work: Callable[Concatenate[SecurityServer, Registration, P], Awaitable[Told]],
) -> Callable[..., None]:
    """A command that does `work` on the server of --config and prints what it tells."""

    @click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        required=True,
        help="The security server's settings (TOML).",
    )
    @click.option("--json", "as_json", is_flag=True, help="One JSON document.")
    def run(config: Path, as_json: bool, *args: P.args, **kwargs: P.kwargs) -> None:
        async def opened() -> Told:
            server = await _open(_settings(config))
            try:
                registration = server.registration.acting_as(f"local user {getpass.getuser()}")
                return await work(server, registration, *args, **kwargs)
            finally:
                await server.stop(0.0)

        try:
            told = asyncio.run(opened())
        except PlatformError as error:
            if not as_json:
                raise
            click.echo(json.dumps({"error": {"code": error.code_path, "message": error.message}}))
            sys.exit(2)
        click.echo(json.dumps(told, ensure_ascii=False) if as_json else _lines(told))

    run.__doc__ = work.__doc__
    for parameter in getattr(work, "__click_params__", []):
        run.__click_params__.append(parameter)  # type: ignore[attr-defined] # click keeps a function's options there
    return run


async def _open(settings: SecurityServerSettings) -> SecurityServer:
    """The server's stores and keys, without its ports."""
    ensure_same_user(settings.directory / "internal-tls.pem")
    server = SecurityServer(settings)
    if settings.pin is not None and server.token.is_initialized:
        await server.token.login(settings.pin.get_secret_value())
    await server.hardware.open()
    if await server.configuration.restore() is None:
        await server.configuration.refresh()
    await server.registration_follower.follow()
    return server


def _lines(told: Told) -> str:
    """For people: `name: value`, or the rows of a list; `name: none` where it is empty."""
    return "\n".join(
        "\n".join(_row(row) for row in value)
        if isinstance(value, list) and value
        else f"{name}: {'none' if value == [] else value}"
        for name, value in told.items()
    )


def _row(row: object) -> str:
    return (
        "  ".join(str(value) for value in row.values() if value is not None)
        if isinstance(row, dict)
        else str(row)
    )


def _client_told(server: SecurityServer, client: ClientId, number: int | None = None) -> Told:
    found = server.serverconf.snapshot.clients.get(client)
    told: Told = {"client": str(client), "state": found.status.value if found else "deleted"}
    return told if number is None else {"request": number, **told}


# the server


@click.command("register")
@_administers
@click.argument("address")
@click.option(
    "--certificate", help="SHA-1 of the authentication certificate; else the only one that is saved."
)
@click.option("--dry-run", is_flag=True, help="The central server checks, and does nothing.")
async def register(
    server: SecurityServer, registration: Registration, address: str, certificate: str | None, dry_run: bool
) -> Told:
    """Ask for the registration of an authentication certificate, and with the first one of this server, at ADDRESS."""
    number = await registration.register_auth_certificate(address, certificate, dry_run=dry_run)
    return {"request": number, "security_server": str(server.server_id)}


@click.command("states")
@_administers
async def states(server: SecurityServer, registration: Registration) -> Told:
    """This server's authentication certificates, clients and management requests, and how they stand."""
    return {
        "security_server": str(server.server_id),
        "auth_certificates": [
            {"certificate": info.sha1, "state": info.status.value}
            for info in server.signer.keyring.certificates(usage=KeyUsage.AUTHENTICATION)
        ],
        "clients": [
            {"client": str(client), "state": conf.status.value}
            for client, conf in server.serverconf.snapshot.clients.items()
        ],
        "requests": [
            {
                "request": each.request_id,
                "service_code": each.service_code,
                "subject": each.subject,
                "outcome": each.outcome.value,
                "code": each.code,
            }
            for each in registration.requests
        ],
    }


@click.command("change-address")
@_administers
@click.argument("address")
async def change_address(server: SecurityServer, registration: Registration, address: str) -> Told:
    """Have peers told another ADDRESS."""
    return {"request": await registration.change_address(address)}


@click.command("change-owner")
@_administers
@click.argument("member", type=CLIENT)
async def change_owner(server: SecurityServer, registration: Registration, member: ClientId) -> Told:
    """Ask that MEMBER, a registered client, become the owner."""
    return {"request": await registration.change_owner(member)}


@click.command("maintenance")
@_administers
@click.argument("mode", type=click.Choice(["on", "off"]))
@click.option("--message", help="For the users of services here.")
async def maintenance(
    server: SecurityServer, registration: Registration, mode: str, message: str | None
) -> Told:
    """Have peers told to leave this server alone, or no longer."""
    if mode == "on":
        return {"request": await registration.enable_maintenance_mode(message)}
    return {"request": await registration.disable_maintenance_mode()}


# authentication certificates


@click.group("certificate")
def certificate_group() -> None:
    """Certificates: ordered by ACME; authentication certificates after their registration."""


@certificate_group.command("delete")
@_administers
@click.argument("sha1")
@click.option("--unasked", is_flag=True, help="Without asking the central server.")
async def delete_certificate(
    server: SecurityServer, registration: Registration, sha1: str, unasked: bool
) -> Told:
    """Ask for the deletion of a registered certificate."""
    if unasked:
        await registration.mark_auth_certificate_for_deletion(sha1)
        return {"certificate": sha1}
    return {"request": await registration.delete_auth_certificate(sha1), "certificate": sha1}


@certificate_group.command("remove")
@_administers
@click.argument("sha1")
async def remove_certificate(server: SecurityServer, registration: Registration, sha1: str) -> Told:
    """Forget a certificate that is not registered."""
    await registration.remove_auth_certificate(sha1)
    return {"certificate": sha1, "state": "removed"}


# certificates by ACME


@certificate_group.command("order")
@_administers
@click.argument("authority")
@click.option("--usage", type=click.Choice(["sign", "auth"]), required=True)
@click.option("--member", type=CLIENT, help="Who signs with it; else the server's owner.")
@click.option("--name", "dns_name", help="The host name to prove; else this server's address.")
@click.option("--subject", help="Instead of the certificate profile's; RFC 4514, as `CN=...,O=...,C=EE`.")
@click.option("--activate/--not-active", default=None, help="In use at once; else as the settings say.")
async def order_certificate(
    server: SecurityServer,
    _registration: Registration,
    authority: str,
    usage: str,
    member: ClientId | None,
    dns_name: str | None,
    subject: str | None,
    activate: bool | None,
) -> Told:
    """Order a certificate from AUTHORITY by ACME. The running server answers the authority's challenge."""
    info = await _acme(server).ordering.order(
        authority,
        KeyUsage.SIGNING if usage == "sign" else KeyUsage.AUTHENTICATION,
        member or server.server_id.owner,
        dns_name=dns_name,
        subject=_name(subject),
        activate=activate,
    )
    return {"certificate": info.sha1, "state": info.status.value, "active": info.is_active}


@certificate_group.command("renewals")
@_administers
async def list_renewals(server: SecurityServer, _registration: Registration) -> Told:
    """How the renewal of each certificate stands, and the orders that wait."""
    acme = _acme(server)
    states = await acme.renewal.state()
    return {
        "certificates": [
            {
                "certificate": state.info.sha1,
                "usage": state.info.usage.value,
                "renewal": state.progress.value,
                "at": None if state.next_at is None else state.next_at.isoformat(),
                "error": state.error,
                "renewed_by": state.renewed_by,
            }
            for state in states
        ],
        "orders": [
            {"order": order.id, "authority": order.authority, "usage": order.usage.value}
            for order in await acme.ordering.pending()
        ],
    }


@certificate_group.command("cancel-order")
@_administers
@click.argument("order")
async def cancel_order(server: SecurityServer, _registration: Registration, order: str) -> Told:
    """Give up an order that waits; its key is deleted."""
    await _acme(server).ordering.cancel(order)
    return {"order": order, "state": "cancelled"}


def _name(text: str | None) -> x509.Name | None:
    try:
        return None if text is None else x509.Name.from_rfc4514_string(text, NAMES_OF_ATTRIBUTES)
    except ValueError as error:
        raise CallerError(f"the subject is no name of RFC 4514: {error}") from error


def _acme(server: SecurityServer) -> AcmeClient:
    if server.acme is None:
        raise CallerError("certificates come by hand here: the settings have no table [acme] (docs/acme.md)")
    return server.acme


# clients


@click.group("client")
def client_group() -> None:
    """Clients of this server and their registration."""


@client_group.command("add")
@_administers
@click.argument("client", type=CLIENT)
@click.option(
    "--connection",
    type=click.Choice([each.name for each in ConnectionType]),
    default="HTTPS",
    show_default=True,
    help="How its information systems must connect.",
)
async def add_client(
    server: SecurityServer, registration: Registration, client: ClientId, connection: str
) -> Told:
    """Add a client: saved, not registered."""
    conf = server.serverconf.acting_as(f"local user {getpass.getuser()}")
    conf.add_client(client, status=ClientStatus.SAVED, connection_type=ConnectionType[connection])
    await server.registration_follower.follow()
    return _client_told(server, client)


@client_group.command("connection")
@_administers
@click.argument("client", type=CLIENT)
@click.argument("connection", type=click.Choice([each.name for each in ConnectionType]))
async def change_connection(
    server: SecurityServer, _registration: Registration, client: ClientId, connection: str
) -> Told:
    """How CLIENT's information systems must connect from now on."""
    conf = server.serverconf.acting_as(f"local user {getpass.getuser()}")
    conf.set_connection_type(client, ConnectionType[connection])
    return {**_client_told(server, client), "connection": connection}


@client_group.command("register")
@_administers
@click.argument("client", type=CLIENT)
@click.option("--name", help="For people, of a subsystem that has none yet.")
async def register_client(
    server: SecurityServer, registration: Registration, client: ClientId, name: str | None
) -> Told:
    """Ask for the registration of a saved client."""
    return _client_told(server, client, await registration.register_client(client, name=name))


@client_group.command("unregister")
@_administers
@click.argument("client", type=CLIENT)
async def unregister_client(server: SecurityServer, registration: Registration, client: ClientId) -> Told:
    """Ask for the deletion of a registration, or of a request for it."""
    return _client_told(server, client, await registration.unregister_client(client))


@client_group.command("disable")
@_administers
@click.argument("client", type=CLIENT)
async def disable_client(server: SecurityServer, registration: Registration, client: ClientId) -> Told:
    """Take a registered client out of service."""
    return _client_told(server, client, await registration.disable_client(client))


@client_group.command("enable")
@_administers
@click.argument("client", type=CLIENT)
async def enable_client(server: SecurityServer, registration: Registration, client: ClientId) -> Told:
    """Put a disabled client back."""
    return _client_told(server, client, await registration.enable_client(client))


@client_group.command("rename")
@_administers
@click.argument("client", type=CLIENT)
@click.argument("name")
async def rename_client(
    server: SecurityServer, registration: Registration, client: ClientId, name: str
) -> Told:
    """Give a registered subsystem another NAME."""
    return _client_told(server, client, await registration.rename_client(client, name))


@client_group.command("delete")
@_administers
@click.argument("client", type=CLIENT)
async def delete_client(server: SecurityServer, registration: Registration, client: ClientId) -> Told:
    """Forget a client that is not registered, with its services and rights."""
    await registration.delete_client(client)
    return _client_told(server, client)


ADMINISTRATION: tuple[click.Command, ...] = (
    register,
    states,
    change_address,
    change_owner,
    maintenance,
    certificate_group,
    client_group,
)
