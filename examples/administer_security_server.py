"""Administer a security server by its TOML file: keys, certificates, clients, services and rights.

    python examples/administer_security_server.py --config ss1.toml init
    python examples/administer_security_server.py --config ss1.toml --help

There is no administration API yet; this program uses the Python interface that such an API will sit on. Registration has
commands of its own, `sild security-server register`, `client` and so on. A running server takes changes up within
`server_configuration_interval` seconds, keys and certificates too.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sild.errors import PlatformError
from sild.http1 import fetch
from sild.processes.security_server import SecurityServerProcessSettings
from sild.security_server import (
    ClientStatus,
    ConnectionType,
    SecurityServer,
    SecurityServerSettings,
    ServerConf,
)
from sild.settings import read_settings
from sild.signer import KeyAlgorithm, KeyUsage
from sild.xroad.identifiers import ClientId, GlobalGroupId, LocalGroupId, ServiceId

USAGES = {"sign": KeyUsage.SIGNING, "auth": KeyUsage.AUTHENTICATION}


def service_id(text: str) -> ServiceId:
    """`DEV:GOV:70000001:subsystem:service`"""
    client, _, code = text.rpartition(":")
    return ServiceId(ClientId.parse(client), code)


@contextmanager
def configuration_of(settings: SecurityServerSettings) -> Iterator[ServerConf]:
    """The server's configuration, changes audited under the name of who runs this program."""
    conf = ServerConf(settings.serverconf_url, settings.server_id, actor=getpass.getuser())
    try:
        yield conf
    finally:
        conf.close()


@contextmanager
def refusals() -> Iterator[None]:
    try:
        yield
    except PlatformError as error:
        raise click.ClickException(str(error)) from error


class Commands(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        with refusals():
            return super().invoke(ctx)


@click.group(cls=Commands)
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.pass_context
def main(context: click.Context, config: Path) -> None:
    """Administer the security server whose settings are in --config."""
    context.obj = read_settings(SecurityServerProcessSettings, config).at(config.parent.resolve())


# Keys and certificates: with the server stopped


@main.command()
@click.pass_obj
def init(settings: SecurityServerSettings) -> None:
    """Make the server's databases and its token, with the PIN of the settings."""

    async def make(server: SecurityServer) -> None:
        await server.initialise_token(_pin(settings))

    _with_server(settings, make)
    click.echo(f"{settings.server_id} in {settings.directory}")


@main.command()
@click.argument("usage", type=click.Choice(sorted(USAGES)))
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--member", type=ClientId.parse, help="Who signs with it; the owner unless given.")
@click.option("--key", type=click.Choice([each.value for each in KeyAlgorithm]), default="rsa-2048")
@click.pass_obj
def request(
    settings: SecurityServerSettings, usage: str, name: str, file: Path, member: ClientId | None, key: str
) -> None:
    """Make a key and write the request for its certificate to FILE (PKCS#10).

    NAME: the organisation's, or for `auth` the server's host name. The subject follows the profile `Basic`; an authority
    that wants another one takes it from its own registration.
    """
    owner = member or settings.server_id.owner

    async def make(server: SecurityServer) -> None:
        await server.token.login(_pin(settings))
        subject = _subject(name, owner)
        made = await server.request_certificate(USAGES[usage], owner, subject, KeyAlgorithm(key))
        await asyncio.to_thread(file.write_bytes, made)

    _with_server(settings, make)


@main.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.pass_obj
def import_certificate(settings: SecurityServerSettings, file: Path) -> None:
    """Take in the certificate an authority has issued (PEM or DER). A running server takes it up."""
    certificate = file.read_bytes()

    async def take(server: SecurityServer) -> None:
        info = await server.import_certificate(certificate)
        click.echo(f"{info.usage.value} certificate {info.sha1} of {info.member}")

    _with_server(settings, take)


# Clients, services and rights: at any time


@main.command()
@click.argument("name")
@click.argument("url")
@click.pass_obj
def add_timestamping(settings: SecurityServerSettings, name: str, url: str) -> None:
    """Use the time-stamping authority at URL, one the global configuration approves."""
    with configuration_of(settings) as conf:
        conf.add_timestamping_service(name, url)


@main.command()
@click.argument("client", type=ClientId.parse)
@click.option("--connection", type=click.Choice([each.name for each in ConnectionType]), default="HTTPS")
@click.pass_obj
def add_client(settings: SecurityServerSettings, client: ClientId, connection: str) -> None:
    """Let CLIENT's information systems use this server, which the central server knows of already.

    A client that has yet to be registered: `sild security-server client add` and `client register`.
    """
    with configuration_of(settings) as conf:
        conf.add_client(client, status=ClientStatus.REGISTERED, connection_type=ConnectionType[connection])


@main.command()
@click.argument("client", type=ClientId.parse)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.pass_obj
def add_certificate(settings: SecurityServerSettings, client: ClientId, file: Path) -> None:
    """A certificate (PEM) of CLIENT's information system, or of an https service of it."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError as error:
        raise click.ClickException(f"{file} is no certificate in PEM") from error
    with configuration_of(settings) as conf:
        conf.add_certificate(client, certificate.public_bytes(Encoding.DER))


@main.command()
@click.argument("service", type=service_id)
@click.argument("url")
@click.option("--openapi", is_flag=True, help="URL is that of an OpenAPI 3 description.")
@click.pass_obj
def add_service(settings: SecurityServerSettings, service: ServiceId, url: str, openapi: bool) -> None:
    """Offer SERVICE: a REST service with base address URL, or what the OpenAPI description at URL describes."""
    client, code = service.client_id, service.service_code
    with configuration_of(settings) as conf:
        if not openapi:
            conf.add_rest_service(client, code, url)
            return
        conf.add_openapi_service(client, code, url, _described(url))


@main.command()
@click.argument("client", type=ClientId.parse)
@click.argument("url")
@click.pass_obj
def add_wsdl(settings: SecurityServerSettings, client: ClientId, url: str) -> None:
    """Offer the SOAP services that the WSDL description at URL describes."""
    with configuration_of(settings) as conf:
        for service in conf.add_wsdl(client, url, _described(url)):
            click.echo(str(service))


@main.command()
@click.argument("service", type=service_id)
@click.pass_obj
def refresh_service(settings: SecurityServerSettings, service: ServiceId) -> None:
    """Read the OpenAPI description of SERVICE again."""
    with configuration_of(settings) as conf:
        offered = conf.snapshot.services.get(service)
        if offered is None:
            raise click.ClickException(f"{service} is no service of this security server: `show` lists them")
        conf.refresh_openapi_service(service, _described(offered.description_url))


@main.command()
@click.argument("service", type=service_id)
@click.argument("subject")
@click.argument("method", default="*")
@click.argument("path", default="**")
@click.option("--remove", is_flag=True, help="Take the right back.")
@click.pass_obj
def grant(
    settings: SecurityServerSettings, service: ServiceId, subject: str, method: str, path: str, remove: bool
) -> None:
    """Let SUBJECT call METHOD PATH of SERVICE; all of it unless they are given.

    SERVICE: with the code `*` every service of the client.  SUBJECT: a subsystem, `global:GROUP` or `local:GROUP`.
    """
    with configuration_of(settings) as conf:
        change = conf.revoke if remove else conf.grant
        every = [each for each in conf.snapshot.services if each.client_id == service.client_id]
        for each in every if service.service_code == "*" else [service]:
            change(each, _subject_of_right(subject, settings), method=method, path=path)


@main.command()
@click.pass_obj
def show(settings: SecurityServerSettings) -> None:
    """Clients, services, endpoints, and who may call which: `SUBJECT may METHOD PATH`."""
    with configuration_of(settings) as conf:
        for client, details in conf.snapshot.clients.items():
            click.echo(f"{client}  {details.status.value}  {details.connection_type.value}")
        for service, offered in conf.snapshot.services.items():
            click.echo(f"{service}  {offered.service_type.value}  {offered.url}")
            for method, path in offered.endpoints:
                click.echo(f"    {method} {path}")
            rights = offered.rights
            subjects = {str(client): rules for client, rules in rights.by_client.items()}
            subjects |= {f"global:{group.group_code}": rules for group, rules in rights.by_global_group}
            for subject, rules in subjects.items():
                for rule in rules:
                    click.echo(f"  {subject} may {rule.method} {rule.path}")


def _with_server(settings: SecurityServerSettings, work: Callable[[SecurityServer], Awaitable[None]]) -> None:
    async def run() -> None:
        server = SecurityServer(settings)
        try:
            await work(server)
        finally:
            await server.stop()

    asyncio.run(run())


def _pin(settings: SecurityServerSettings) -> str:
    return settings.pin.get_secret_value() if settings.pin else str(click.prompt("PIN", hide_input=True))


def _described(url: str) -> bytes:
    answer = asyncio.run(fetch(url))
    if answer.status != 200:
        raise click.ClickException(f"{url} answered HTTP {answer.status}")
    return answer.body


def _subject_of_right(text: str, settings: SecurityServerSettings) -> ClientId | GlobalGroupId | LocalGroupId:
    kind, _, code = text.partition(":")
    if kind == "global":
        return GlobalGroupId(settings.server_id.owner.instance_identifier, code)
    if kind == "local":
        return LocalGroupId(code)
    try:
        return ClientId.parse(text)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _subject(name: str, member: ClientId) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.BUSINESS_CATEGORY, member.member_class),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, member.member_code),
        ]
    )


if __name__ == "__main__":
    main()
