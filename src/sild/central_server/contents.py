"""An instance told in settings: what must be there is added or brought up to date, in one transaction; nothing is deleted.

Applying the same contents again changes nothing and writes no audit row. Identifiers are in the administration form,
`DEV:COM:1234[:Subsystem]`; files (certificates in PEM or DER, anchors, parts) are paths relative to the settings file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from sild.central_server.central_server import CentralServer
from sild.central_server.configuration_parts import OPTIONAL_PARTS
from sild.central_server.errors import NotFound
from sild.central_server.records import CONFIGURATION_TYPES, KeyAlgorithm
from sild.central_server.validation import parse_certificate
from sild.errors import CallerError
from sild.pki import der
from sild.settings import Settings
from sild.xroad.globalconf import CostType, CsrFormat
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["InstanceContents", "apply_contents"]


def _client(text: str) -> str:
    ClientId.parse(text)
    return text


ClientText = Annotated[str, AfterValidator(_client)]


class SubsystemContents(Settings):
    code: str
    name: str | None = None


class MemberContents(Settings):
    member_class: str
    member_code: str
    name: str
    subsystems: tuple[SubsystemContents, ...] = ()


class OcspResponderContents(Settings):
    url: str
    certificate: Path | None = None
    cost_type: CostType = "UNDEFINED"


class IntermediateCaContents(Settings):
    certificate: Path
    ocsp_responders: tuple[OcspResponderContents, ...] = ()


class CertificationServiceContents(Settings):
    """`tls_auth`: only for authentication certificates."""

    certificate: Path
    certificate_profile_info: str
    tls_auth: bool = False
    default_csr_format: CsrFormat = "PEM"
    acme_server_directory_url: str | None = None
    acme_server_ip_address: str | None = None
    authentication_certificate_profile_id: str | None = None
    signing_certificate_profile_id: str | None = None
    ocsp_responders: tuple[OcspResponderContents, ...] = ()
    intermediate_cas: tuple[IntermediateCaContents, ...] = ()


class TimestampingServiceContents(Settings):
    url: str
    certificate: Path
    cost_type: CostType = "UNDEFINED"


class SecurityServerContents(Settings):
    """`clients` without the owner."""

    owner: ClientText
    server_code: str
    address: str
    auth_certificates: tuple[Path, ...] = ()
    clients: tuple[ClientText, ...] = ()


class GlobalGroupContents(Settings):
    code: str
    description: str
    members: tuple[ClientText, ...] = ()


class InstanceContents(Settings):
    """What an instance must hold. `signing_keys`: the kind of key a source without one gets."""

    signing_keys: KeyAlgorithm = "RSA"
    member_classes: dict[str, str] = Field(default_factory=dict)  # code: description
    members: tuple[MemberContents, ...] = ()
    management_service_provider: ClientText | None = None
    management_service_certificate: Path | None = None
    certification_services: tuple[CertificationServiceContents, ...] = ()
    timestamping_services: tuple[TimestampingServiceContents, ...] = ()
    security_servers: tuple[SecurityServerContents, ...] = ()
    global_groups: tuple[GlobalGroupContents, ...] = ()
    trusted_anchors: tuple[Path, ...] = ()
    configuration_parts: dict[str, Path] = Field(default_factory=dict)  # content identifier: file
    system_parameters: dict[str, str | int] = Field(default_factory=dict)


def apply_contents(server: CentralServer, contents: InstanceContents, *, base: Path) -> None:
    """Make `server` hold `contents`. `base`: where relative paths start. Raises what the single changes raise."""
    with server.transaction("settings"):
        _Application(server, base).apply(contents)


class _Application:
    def __init__(self, server: CentralServer, base: Path) -> None:
        self._server = server
        self._base = base

    def apply(self, contents: InstanceContents) -> None:
        self._system_parameters(contents.system_parameters)
        for code, description in contents.member_classes.items():
            self._member_class(code, description)
        for member in contents.members:
            self._member(member)
        if contents.management_service_provider is not None:
            provider = ClientId.parse(contents.management_service_provider)
            if self._server.management_services().service_provider_id != provider:
                self._server.set_management_service_provider(provider)
        if contents.management_service_certificate is not None:
            certificate = self._certificate(contents.management_service_certificate)
            if self._server.management_service_certificate() != certificate:
                self._server.set_management_service_certificate(certificate)
        for certification_service in contents.certification_services:
            self._certification_service(certification_service)
        for timestamping_service in contents.timestamping_services:
            self._timestamping_service(timestamping_service)
        for security_server in contents.security_servers:
            self._security_server(security_server)
        for group in contents.global_groups:
            self._global_group(group)
        self._files(contents)
        for source_type in CONFIGURATION_TYPES:
            if not self._server.signing_keys(source_type):
                self._server.add_signing_key(source_type, key_algorithm=contents.signing_keys)

    def _file(self, path: Path) -> bytes:
        try:
            return (self._base / path).read_bytes()
        except OSError as error:
            raise CallerError(f"{self._base / path}: {error.strerror}", code="bad_request") from error

    def _certificate(self, path: Path) -> bytes:
        return der(parse_certificate(self._file(path)))

    def _system_parameters(self, wanted: dict[str, str | int]) -> None:
        present = self._server.system_parameters()
        for key, value in wanted.items():
            if present.get(key) != str(value):
                self._server.set_system_parameter(key, str(value))

    def _member_class(self, code: str, description: str) -> None:
        present = {known.code: known.description for known in self._server.member_classes()}
        if code not in present:
            self._server.add_member_class(code, description)
        elif present[code] != description:
            self._server.update_member_class(code, description)

    def _member(self, wanted: MemberContents) -> None:
        member_id = ClientId(self._server.instance_identifier, wanted.member_class, wanted.member_code)
        try:
            if self._server.member(member_id).name != wanted.name:
                self._server.rename_member(member_id, wanted.name)
        except NotFound:
            self._server.add_member(wanted.member_class, wanted.member_code, wanted.name)
        present = {subsystem.id: subsystem.name for subsystem in self._server.subsystems(member_id)}
        for subsystem in wanted.subsystems:
            subsystem_id = ClientId(
                self._server.instance_identifier, wanted.member_class, wanted.member_code, subsystem.code
            )
            if subsystem_id not in present:
                self._server.add_subsystem(subsystem_id, subsystem.name)
            elif subsystem.name is not None and present[subsystem_id] != subsystem.name:
                self._server.rename_subsystem(subsystem_id, subsystem.name)

    def _certification_service(self, wanted: CertificationServiceContents) -> None:
        certificate = self._certificate(wanted.certificate)
        settings = wanted.model_dump(exclude={"certificate", "ocsp_responders", "intermediate_cas"})
        present = next(
            (known for known in self._server.certification_services() if known.certificate == certificate),
            None,
        )
        if present is None:
            present = self._server.add_certification_service(certificate, **settings)
        elif any(getattr(present, name) != value for name, value in settings.items()):
            self._server.update_certification_service(present.id, **settings)
        self._ocsp_responders(wanted.ocsp_responders, present.id, None)
        intermediates = {known.certificate: known.id for known in self._server.intermediate_cas(present.id)}
        for intermediate in wanted.intermediate_cas:
            data = self._certificate(intermediate.certificate)
            key = intermediates.get(data)
            if key is None:
                key = self._server.add_intermediate_ca(present.id, data).id
            self._ocsp_responders(intermediate.ocsp_responders, present.id, key)

    def _ocsp_responders(
        self, wanted: tuple[OcspResponderContents, ...], service_id: int, intermediate_ca_id: int | None
    ) -> None:
        present = {known.url: known for known in self._server.ocsp_responders(service_id, intermediate_ca_id)}
        for responder in wanted:
            certificate = self._certificate(responder.certificate) if responder.certificate else None
            known = present.get(responder.url)
            if known is None:
                self._server.add_ocsp_responder(
                    service_id,
                    responder.url,
                    certificate,
                    cost_type=responder.cost_type,
                    intermediate_ca_id=intermediate_ca_id,
                )
            elif (certificate or known.certificate, responder.cost_type) != (
                known.certificate,
                known.cost_type,
            ):
                self._server.update_ocsp_responder(
                    known.id, certificate=certificate, cost_type=responder.cost_type
                )

    def _timestamping_service(self, wanted: TimestampingServiceContents) -> None:
        certificate = self._certificate(wanted.certificate)
        present = next(
            (known for known in self._server.timestamping_services() if known.url == wanted.url), None
        )
        if present is None:
            self._server.add_timestamping_service(wanted.url, certificate, cost_type=wanted.cost_type)
        elif (present.certificate, present.cost_type) != (certificate, wanted.cost_type):
            self._server.update_timestamping_service(
                present.id, certificate=certificate, cost_type=wanted.cost_type
            )

    def _security_server(self, wanted: SecurityServerContents) -> None:
        server_id = SecurityServerId(ClientId.parse(wanted.owner), wanted.server_code)
        try:
            if self._server.security_server(server_id).address != wanted.address:
                self._server.change_address(server_id, wanted.address)
        except NotFound:
            self._server.register_security_server(server_id.owner, server_id.server_code, wanted.address)
        certificates = {known.certificate for known in self._server.auth_certificates(server_id)}
        for path in wanted.auth_certificates:
            certificate = self._certificate(path)
            if certificate not in certificates:
                self._server.add_auth_certificate(server_id, certificate)
        registered = {known.client.id for known in self._server.clients(server_id)}
        for client in map(ClientId.parse, wanted.clients):
            if client not in registered:
                self._server.register_client(server_id, client)

    def _global_group(self, wanted: GlobalGroupContents) -> None:
        present = {group.code: group.description for group in self._server.global_groups()}
        if wanted.code not in present:
            self._server.add_global_group(wanted.code, wanted.description)
        elif present[wanted.code] != wanted.description:
            self._server.update_global_group(wanted.code, wanted.description)
        inside = {known.client.id for known in self._server.global_group_members(wanted.code)}
        missing = [client for client in map(ClientId.parse, wanted.members) if client not in inside]
        if missing:
            self._server.add_global_group_members(wanted.code, missing)

    def _files(self, contents: InstanceContents) -> None:
        trusted = {anchor.file for anchor in self._server.trusted_anchors()}
        for path in contents.trusted_anchors:
            if (file := self._file(path)) not in trusted:
                self._server.add_trusted_anchor(file)
        uploaded = {
            part.content_identifier
            for part in self._server.configuration_parts("INTERNAL")
            if part.updated_at is not None and part.content_identifier in OPTIONAL_PARTS
        }
        for identifier, path in contents.configuration_parts.items():
            file = self._file(path)
            if identifier not in uploaded or self._server.configuration_part(identifier) != file:
                self._server.upload_configuration_part(identifier, file)
