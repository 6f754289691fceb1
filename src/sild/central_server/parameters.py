"""System parameters of the instance (UG-SYSPAR 5.1): a closed table of names, defaults and readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, insert, select, update

from sild.central_server.administration import Administration, Change
from sild.central_server.errors import Conflict, NotFound
from sild.central_server.tables import global_groups, instance, system_parameters
from sild.central_server.validation import ensure_address, ensure_code, ensure_text, ensure_url
from sild.errors import CallerError, PeerError
from sild.pki import DigestAlgorithm
from sild.xroad.identifiers import ClientId

__all__ = ["PARAMETERS", "SystemParameters", "read_parameters", "read_service_provider", "write_parameter"]

PORT_FREE_TEMPLATE = "https://%{centralServerAddress}:4001/managementservice/"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`default` in the words of the database; `ensure` raises ValueError or CallerError for what may not stand there."""

    default: str
    ensure: Callable[[str], object]


def _seconds(value: str) -> int:
    seconds = int(value)
    if not 0 < seconds < 2**31:
        raise ValueError("a positive number of seconds")
    return seconds


def _digest_name(value: str) -> DigestAlgorithm:
    return DigestAlgorithm[value.replace("-", "")]


def _template(value: str) -> str:
    return ensure_url(value.replace("%{centralServerAddress}", "host"))


def _protocols(value: str) -> tuple[str, ...]:
    protocols = tuple(part.strip() for part in value.split(","))
    if not set(protocols) <= {"http", "https"}:
        raise ValueError("http, https or both, separated by a comma")
    return protocols


PARAMETERS: Mapping[str, Parameter] = {
    "centralServerAddress": Parameter("", ensure_address),
    "ocspFreshnessSeconds": Parameter("3600", _seconds),
    "timeStampingIntervalSeconds": Parameter("60", _seconds),
    "confExpireIntervalSeconds": Parameter("600", _seconds),
    "confSignDigestAlgoId": Parameter("SHA-512", _digest_name),
    "confHashAlgoUri": Parameter(DigestAlgorithm.SHA512.uri, DigestAlgorithm.from_uri),
    "authCertRegUrl": Parameter(PORT_FREE_TEMPLATE, _template),
    "securityServerOwnersGroup": Parameter("security-server-owners", ensure_code),
    "managementServiceProviderClass": Parameter("", ensure_code),
    "managementServiceProviderCode": Parameter("", ensure_code),
    "managementServiceProviderSubsystem": Parameter("", ensure_code),
    "confDownloadProtocols": Parameter("http,https", _protocols),  # ours: X-Road's anchors always name both
}


def read_parameters(connection: Connection) -> dict[str, str]:
    """Every parameter with its value, set or by default."""
    values = {key: parameter.default for key, parameter in PARAMETERS.items()}
    values.update((row.key, row.value) for row in connection.execute(select(system_parameters)))
    return values


def write_parameter(change: Change, key: str, value: str) -> None:
    """Set `key`, already checked; the empty text brings the default back."""
    connection = change.connection
    if not value:
        connection.execute(delete(system_parameters).where(system_parameters.c.key == key))
        return
    values = {"value": value, "updated_at": change.at}
    found = connection.execute(update(system_parameters).where(system_parameters.c.key == key).values(values))
    if found.rowcount == 0:
        connection.execute(insert(system_parameters).values(key=key, **values))


def read_service_provider(connection: Connection) -> ClientId | None:
    """The client appointed to provide the management services, if there is one."""
    values = read_parameters(connection)
    member_class = values["managementServiceProviderClass"]
    member_code = values["managementServiceProviderCode"]
    if not member_class or not member_code:
        return None
    identifier: str = connection.execute(select(instance.c.instance_identifier)).scalar_one()
    return ClientId(
        identifier, member_class, member_code, values["managementServiceProviderSubsystem"] or None
    )


def _rename_owners_group(change: Change, code: str) -> None:
    former = read_parameters(change.connection)["securityServerOwnersGroup"]
    if code == former:
        return
    if change.connection.scalar(select(exists().where(global_groups.c.group_code == code))):
        raise Conflict(f"global group {code} exists", code="global_group_exists")
    change.connection.execute(
        update(global_groups)
        .where(global_groups.c.group_code == former)
        .values(group_code=code, updated_at=change.at)
    )


class SystemParameters(Administration):
    def system_parameters(self) -> dict[str, str]:
        with self._read() as connection:
            return read_parameters(connection)

    def set_system_parameter(self, key: str, value: str) -> None:
        """Set one parameter by X-Road's name for it; an empty value brings the default back.

        The group of security server owners is renamed with its parameter. Raises NotFound (no such parameter),
        CallerError (`bad_request`: not a value it can have, or set by appointing a provider), Conflict (`global_group_exists`).
        """
        parameter = PARAMETERS.get(key)
        if parameter is None:
            raise NotFound(f"there is no system parameter {key}", code="system_parameter_not_found")
        if key.startswith("managementServiceProvider"):
            raise CallerError(f"{key} is set by appointing a provider", code="bad_request")
        if value:
            try:
                value = ensure_text(value, key, maximum=1000)
                parameter.ensure(value)
            except (ValueError, KeyError, PeerError) as error:
                raise CallerError(f"{key}: {error}", code="bad_request") from error
        with self._change("set_system_parameter", key=key, value=value) as change:
            if key == "securityServerOwnersGroup":
                _rename_owners_group(change, value or parameter.default)
            write_parameter(change, key, value)

    @property
    def address(self) -> str:
        """The central server's public host name or IP address, with a port if it is not the usual one."""
        return self.system_parameters()["centralServerAddress"]
