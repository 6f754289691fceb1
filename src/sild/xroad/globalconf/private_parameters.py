"""private-params.xml and the configuration anchor, which is also an element of it (PR-GCONF 4.1, 4.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from sild.clock import parse_xml_datetime, xml_datetime
from sild.errors import CallerError, PeerError
from sild.xroad.globalconf.documents import (
    IDENTIFIERS_NS,
    MALFORMED,
    XROAD_NS,
    Element,
    base64_text,
    certificate_of,
    client_id_of_element,
    escape,
    parse_document,
    render_client_id,
    require_conformity,
    text_of,
)
from sild.xroad.globalconf.parameters import (
    CURRENT_VERSION,
    AnchorSource,
    ConfigurationAnchor,
    ManagementService,
    PrivateParameters,
)

__all__ = [
    "anchor_hash",
    "parse_anchor",
    "parse_private_parameters",
    "render_anchor",
    "render_private_parameters",
]

MALFORMED_ANCHOR = "malformed_anchor"
OLD_SCHEMA = "globalconf/v2/private-parameters.xsd"
SCHEMA = "globalconf/v3/private-parameters.xsd"


def parse_private_parameters(xml: bytes, *, version: int | None = None) -> PrivateParameters:
    """`version`: of the directory (3 to 6 share a schema). Raises PeerError (`malformed_global_conf`)."""
    if version is not None and not 2 <= version <= CURRENT_VERSION:
        raise PeerError(f"configuration version {version} is not known", code=MALFORMED)
    root = parse_document(xml, "conf")
    require_conformity(root, OLD_SCHEMA if version == 2 else SCHEMA)
    service = root.find("managementService")
    if service is None:
        raise PeerError("managementService is missing", code=MALFORMED)
    return PrivateParameters(
        instance_identifier=text_of(root, "instanceIdentifier"),
        management_service=_management_service(service),
        timestamping_interval_seconds=int(text_of(root, "timeStampingIntervalSeconds")),
        version=2 if version == 2 else 3,
        anchors=tuple(_anchor(e, MALFORMED) for e in root.iterchildren("configurationAnchor")),
    )


def _management_service(element: Element) -> ManagementService:
    provider = element.find("managementRequestServiceProviderId")
    if provider is None:
        raise PeerError("managementRequestServiceProviderId is missing", code=MALFORMED)
    certificate = element.find("authCertRegServiceCert")
    return ManagementService(
        text_of(element, "authCertRegServiceAddress"),
        client_id_of_element(provider),
        None if certificate is None else certificate_of(certificate),
    )


def parse_anchor(xml: bytes) -> ConfigurationAnchor:
    """An anchor file. Raises PeerError (`malformed_anchor`).

    A partner's anchor inside private parameters may have a download URL that is none: that is the partner's loss alone.
    """
    root = parse_document(xml, "configurationAnchor", code=MALFORMED_ANCHOR)
    require_conformity(root, OLD_SCHEMA, code=MALFORMED_ANCHOR)
    anchor = _anchor(root, MALFORMED_ANCHOR)
    for source in anchor.sources:
        try:
            _ = urlsplit(source.download_url).port
        except ValueError as error:
            raise PeerError(f"downloadURL {source.download_url!r}: {error}", code=MALFORMED_ANCHOR) from None
    return anchor


def _anchor(element: Element, code: str) -> ConfigurationAnchor:
    generated_at = text_of(element, "generatedAt")
    try:
        at = parse_xml_datetime(generated_at) if generated_at else None
    except ValueError as error:
        raise PeerError(f"generatedAt: {error}", code=code) from None
    return ConfigurationAnchor(
        instance_identifier=text_of(element, "instanceIdentifier"),
        sources=tuple(
            AnchorSource(
                text_of(source, "downloadURL").strip(),
                tuple(certificate_of(c, code=code) for c in source.iterchildren("verificationCert")),
            )
            for source in element.iterchildren("source")
        ),
        generated_at=at,
    )


def anchor_hash(xml: bytes) -> str:
    """What people compare over the telephone: SHA-224 of the file, upper-case hex, pairs joined by colons."""
    digest = hashlib.sha224(xml).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


# -- writing -----------------------------------------------------------------------------------------------------------

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_NAMESPACES = f'xmlns:ns2="{IDENTIFIERS_NS}" xmlns:ns3="{XROAD_NS}"'


def render_private_parameters(parameters: PrivateParameters, version: int | None = None) -> bytes:
    """The same bytes fit versions 2 to 6. Raises CallerError (characters XML does not have, an anchor without a source)."""
    if version is not None and not 2 <= version <= CURRENT_VERSION:
        raise CallerError(f"configuration version {version} is not known", code="bad_request")
    return "".join(_private_lines(parameters)).encode()


def _private_lines(parameters: PrivateParameters) -> Iterator[str]:
    service = parameters.management_service
    yield f"{_DECLARATION}<ns3:conf {_NAMESPACES}>\n"
    yield f"    <instanceIdentifier>{escape(parameters.instance_identifier)}</instanceIdentifier>\n"
    for anchor in parameters.anchors:
        yield "    <configurationAnchor>\n"
        yield from _anchor_lines(anchor, "        ")
        yield "    </configurationAnchor>\n"
    yield "    <managementService>\n"
    address = escape(service.auth_cert_reg_service_address)
    yield f"        <authCertRegServiceAddress>{address}</authCertRegServiceAddress>\n"
    if service.auth_cert_reg_service_cert is not None:
        certificate = base64_text(service.auth_cert_reg_service_cert)
        yield f"        <authCertRegServiceCert>{certificate}</authCertRegServiceCert>\n"
    provider = service.management_request_service_provider_id
    yield render_client_id("managementRequestServiceProviderId", provider, "        ")
    yield "    </managementService>\n"
    seconds = parameters.timestamping_interval_seconds
    yield f"    <timeStampingIntervalSeconds>{seconds}</timeStampingIntervalSeconds>\n"
    yield "</ns3:conf>\n"


def render_anchor(anchor: ConfigurationAnchor) -> bytes:
    """An anchor file; `generated_at` is written to the millisecond. Raises CallerError."""
    lines = "".join(_anchor_lines(anchor, "    "))
    return (
        f"{_DECLARATION}<ns3:configurationAnchor {_NAMESPACES}>\n{lines}</ns3:configurationAnchor>\n".encode()
    )


def _anchor_lines(anchor: ConfigurationAnchor, indent: str) -> Iterator[str]:
    if not anchor.sources or not all(source.verification_certs for source in anchor.sources):
        raise CallerError(
            "an anchor has a source, and a source a verification certificate", code="bad_request"
        )
    if anchor.generated_at is not None:
        at = xml_datetime(anchor.generated_at, milliseconds=True)
        yield f"{indent}<generatedAt>{at}</generatedAt>\n"
    yield f"{indent}<instanceIdentifier>{escape(anchor.instance_identifier)}</instanceIdentifier>\n"
    for source in anchor.sources:
        yield f"{indent}<source>\n"
        yield f"{indent}    <downloadURL>{escape(source.download_url)}</downloadURL>\n"
        for certificate in source.verification_certs:
            yield f"{indent}    <verificationCert>{base64_text(certificate)}</verificationCert>\n"
        yield f"{indent}</source>\n"
