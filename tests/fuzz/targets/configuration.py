"""The global configuration: the signed directory, its documents, anchors."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from fuzz.target import Target
from sild.errors import PlatformError
from sild.pki import CertificateProfile, algorithm_for, der, sign_bytes
from sild.xroad.globalconf import (
    PRIVATE_PARAMETERS,
    SHARED_PARAMETERS,
    AnchorSource,
    ConfigurationAnchor,
    DirectoryPart,
    ManagementService,
    PrivateParameters,
    parse_anchor,
    parse_private_parameters,
    parse_shared_parameters,
    parse_signed_directory,
    prepare_signed_directory,
    render_anchor,
    render_monitoring,
    render_private_parameters,
    render_shared_parameters,
    verify_signed_directory,
)
from sild.xroad.globalconf.optional_parts import parse_fetch_interval, parse_monitoring, parse_next_update
from sild.xroad.identifiers import ClientId
from support.pki import Pki, name
from support.shared_parameters import large_parameters

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
PKI = Pki()
SIGNER = PKI.issue(CertificateProfile.CONFIGURATION_SIGNER, name(CN="internal"))
OWNER = ClientId("DEV", "GOV", "1", "Management")


def _directory_seeds() -> list[bytes]:
    parts = (
        DirectoryPart(SHARED_PARAMETERS, "DEV", "/V6/20260101120000000000000/shared-params.xml", b"<shared/>"),
        DirectoryPart(PRIVATE_PARAMETERS, "DEV", "/V6/20260101120000000000000/private-params.xml", b"<private/>"),
    )  # fmt: skip
    prepared = prepare_signed_directory(
        parts,
        expire_at=NOW + timedelta(minutes=10),
        version=6,
        boundaries=("OUT1OUT1OUT1OUT1OUT1", "IN12IN12IN12IN12IN12"),
        certificate=der(SIGNER.certificate),
        algorithm=algorithm_for(SIGNER.key),
    )
    return [prepared.complete(sign_bytes(SIGNER.key, algorithm_for(SIGNER.key), prepared.to_be_signed))]


def _directory(data: bytes) -> None:
    verify_signed_directory(parse_signed_directory(data), [der(SIGNER.certificate)], at=NOW)


def _optional(data: bytes) -> None:
    for read in (parse_monitoring, parse_fetch_interval, parse_next_update):
        with suppress(PlatformError):
            read(data)


def _private() -> list[bytes]:
    service = ManagementService("https://127.0.0.1:4001/managementservice/", OWNER)
    return [render_private_parameters(PrivateParameters("DEV", service, 60))]


TARGETS = (
    Target("signed_directory", "mime", _directory, _directory_seeds, ["globalconf/signed/**/*conf", "globalconf/directory-parse/*"]),
    Target(
        "shared_parameters",
        "xml",
        parse_shared_parameters,
        lambda: [render_shared_parameters(large_parameters(4), version) for version in (5, 6)],
        ["globalconf/**/shared-params.xml"],
    ),
    Target("private_parameters", "xml", parse_private_parameters, _private, ["globalconf/**/private-params.xml"]),
    Target(
        "anchor",
        "xml",
        parse_anchor,
        lambda: [
            render_anchor(
                ConfigurationAnchor("DEV", (AnchorSource("http://cs/internalconf", (der(SIGNER.certificate),)),), NOW)
            )
        ],
        ["globalconf/anchors/*", "globalconf/signed/*anchor*.xml"],
    ),
    Target("optional_parts", "xml", _optional, lambda: [render_monitoring(OWNER)], ["globalconf/parts/*params.xml"]),
)  # fmt: skip
