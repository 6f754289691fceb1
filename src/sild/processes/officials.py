"""`sild identity --config FILE officials|devices|auditors`: who works for which body, from which devices, and who supervises.

What is done here counts at once, also where the provider runs meanwhile: both look into its database. Each change stands in the audit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sild.errors import CallerError
from sild.identity_provider import IdentityProvider
from sild.openid import Party, parse_audit_scope
from sild.pki import certificate_hash, read_certificate

if TYPE_CHECKING:
    from sild.identity_provider import IdentityProviderSettings

__all__ = ["auditors", "devices", "officials"]

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
UNTIL = click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day; none: until withdrawn."
)


@contextmanager
def _open(context: click.Context) -> Iterator[IdentityProvider]:
    settings: IdentityProviderSettings = context.obj
    provider = IdentityProvider(settings)
    try:
        yield provider
    finally:
        provider.close()


def _show(rows: Iterable[Mapping[str, Any]], as_json: bool) -> None:
    for row in rows:
        values = {
            name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()
        }
        click.echo(
            json.dumps(values, ensure_ascii=False)
            if as_json
            else "  ".join(str(one or "-") for one in values.values())
        )


@click.group()
def officials() -> None:
    """Who is an official of which body."""


@officials.command("list")
@AS_JSON
@click.pass_context
def list_officials(context: click.Context, as_json: bool) -> None:
    """Those that were not withdrawn: id, person, role, organisation, last day."""
    with _open(context) as provider:
        _show(provider.people.list_roles(), as_json)


@officials.command("add")
@click.argument("person")
@click.argument("role")
@click.argument("organisation")
@UNTIL
@click.pass_context
def add_official(
    context: click.Context, person: str, role: str, organisation: str, until: datetime | None
) -> None:
    """PERSON (EE38001085718) has ROLE (birth@0793) of ORGANISATION (its member code). Prints the id by which it is withdrawn."""
    with _open(context) as provider:
        last = None if until is None else until.date()
        click.echo(provider.add_official_role(person, role, organisation, valid_through=last))


@officials.command("withdraw")
@click.argument("id")
@click.pass_context
def withdraw_official(context: click.Context, id: str) -> None:
    """Sessions as that official end at once."""
    with _open(context) as provider:
        provider.withdraw_official_role(id)


@click.group()
def devices() -> None:
    """From which devices officials may write; from any other they only read."""


@devices.command("list")
@AS_JSON
@click.pass_context
def list_devices(context: click.Context, as_json: bool) -> None:
    """Those that were not withdrawn: id, organisation, label, kind of key, until when."""
    with _open(context) as provider:
        _show(provider.people.list_devices(), as_json)


@devices.command("add")
@click.argument("organisation")
@click.argument("label")
@click.option(
    "--certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM or DER."
)
@click.option("--passkey", help="Its credential id, base64url.")
@UNTIL
@click.pass_context
def add_device(
    context: click.Context,
    organisation: str,
    label: str,
    certificate: Path | None,
    passkey: str | None,
    until: datetime | None,
) -> None:
    """A device of ORGANISATION (its member code), known by the key of its certificate or by a passkey. Prints its id."""
    if (certificate is None) == (passkey is None):
        raise CallerError("give either --certificate or --passkey")
    with _open(context) as provider:
        expires = None if until is None else until.replace(hour=23, minute=59, second=59, tzinfo=UTC)
        if certificate is not None:
            digest = certificate_hash(read_certificate(certificate.read_bytes())).hex()
            added = provider.register_device(
                organisation, label, key_kind="certificate", key_id=digest, expires_at=expires
            )
        else:
            added = provider.register_device(
                organisation, label, key_kind="passkey", key_id=str(passkey), expires_at=expires
            )
        click.echo(added)


@devices.command("withdraw")
@click.argument("id")
@click.pass_context
def withdraw_device(context: click.Context, id: str) -> None:
    """Sessions on it end at once."""
    with _open(context) as provider:
        provider.withdraw_device(id)


@click.group()
def auditors() -> None:
    """Who may look at decisions for a body that supervises."""


@auditors.command("appoint")
@click.argument("person")
@click.argument("body")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="JSON: bodies, algorithms, services, classes, basis, matter; docs/oversight.md.",
)
@UNTIL
@click.pass_context
def appoint_auditor(
    context: click.Context, person: str, body: str, name: str, scope: Path, until: datetime | None
) -> None:
    """PERSON looks for BODY (EE70000013), which is called NAME. Prints the mandate's id."""
    try:
        content = json.loads(scope.read_text())
    except ValueError as error:
        raise CallerError(f"{scope} is not JSON: {error}") from error
    with _open(context) as provider:
        last = None if until is None else until.date()
        supervisor, who = Party("LEGAL_PERSON", body, legal_name=name), Party("NATURAL_PERSON", person)
        given = provider.mandates.appoint(
            supervisor, who, parse_audit_scope(content), actor="administrator", valid_through=last
        )
        click.echo(given.id)


@auditors.command("withdraw")
@click.argument("id")
@click.pass_context
def withdraw_auditor(context: click.Context, id: str) -> None:
    """What they opened under it ends at once."""
    with _open(context) as provider:
        mandate, _status = provider.mandates.status(id)
        provider.mandates.withdraw(id, actor=mandate.representee.identifier)
