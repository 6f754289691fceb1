"""What may be entered: names, addresses, URLs, certificates. Pure; each refusal carries X-Road's administration code."""

from __future__ import annotations

import ipaddress
import re
from typing import get_args
from urllib.parse import urlsplit

from cryptography.x509.oid import NameOID

from sild.errors import CallerError, PeerError
from sild.pki import Certificate, read_certificate
from sild.xroad.globalconf import CostType, CsrFormat
from sild.xroad.identifiers import ensure_new_identifier

__all__ = [
    "certificate_name",
    "ensure_address",
    "ensure_code",
    "ensure_cost_type",
    "ensure_csr_format",
    "ensure_instance_identifier",
    "ensure_ip_addresses",
    "ensure_profile",
    "ensure_text",
    "ensure_url",
    "is_ip",
    "optional_text",
    "parse_certificate",
]

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)\Z")
MAX_URL = 1000
_JAVA_CLASS = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*\Z")


_NO_XML = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What XML cannot say, or nobody can see: entered once, it would keep the whole configuration from being published."""


def ensure_code(value: str) -> str:
    """A new class, member, subsystem, server or group code."""
    ensure_new_identifier(value)
    if _NO_XML.search(value):
        raise CallerError("a character that may not stand in an identifier", code="bad_request")
    return value


def ensure_instance_identifier(value: str) -> str:
    """An identifier that can also stand between quotes in a signed directory."""
    ensure_new_identifier(value)
    if "'" in value or '"' in value:
        raise CallerError("an instance identifier has no quotation marks", code="init_invalid_params")
    return value


def ensure_text(value: str, what: str, *, maximum: int = 255) -> str:
    """A name or description for people: not blank, no control characters."""
    text = value.strip()
    if not text or len(text) > maximum or _NO_XML.search(text):
        raise CallerError(f"{what}: 1 to {maximum} characters, no control characters", code="bad_request")
    return text


def optional_text(value: str | None, what: str) -> str | None:
    """The same, or nothing."""
    return ensure_text(value, what) if value and value.strip() else None


def ensure_address(value: str, *, code: str = "management_request_invalid_server_address") -> str:
    """A host name or IP address, and `:port` if it is not the usual one (Sild's extension: several servers on a machine)."""
    host, port = _split_port(value.strip())
    known = is_ip(host.strip("[]")) or (
        len(host) <= 253 and all(_LABEL.match(label) for label in host.rstrip(".").split("."))
    )
    if not known or not (port is None or (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise CallerError(f"{value!r} is not a host name or IP address", code=code)
    return value.strip()


def _split_port(value: str) -> tuple[str, str | None]:
    if value.startswith("["):
        host, _, rest = value.partition("]")
        return host + "]", rest[1:] if rest.startswith(":") else None if not rest else "-"
    if value.count(":") == 1:
        host, _, port = value.partition(":")
        return host, port
    return value, None


def is_ip(value: str) -> bool:
    """An IPv4 or IPv6 address, without brackets. One with a zone is nobody else's, and in a zone Python takes any text."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def ensure_ip_addresses(value: str | None) -> str | None:
    """One or more IP addresses, separated by commas; nothing stays nothing."""
    if value is None or not value.strip():
        return None
    if len(value) > MAX_URL or not all(is_ip(address.strip()) for address in value.split(",")):
        raise CallerError(f"{value!r} is not a list of IP addresses", code="invalid_ip_address")
    return value.strip()


def ensure_url(value: str) -> str:
    """An http or https URL with a host."""
    try:
        parts = urlsplit(value.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or len(value) > MAX_URL or not value.strip().isprintable() or " " in value.strip():
        raise CallerError(f"{value!r} is not an http or https URL", code="invalid_url")
    return value.strip()


def ensure_profile(value: str) -> str:
    """The Java class name of a certificate profile, the only name it has on the wire."""
    if len(value) > 255 or not _JAVA_CLASS.match(value):
        raise CallerError(
            f"{value!r} is not the name of a certificate profile",
            code="certificate_profile_info_class_not_found",
        )
    return value


def ensure_cost_type(value: str) -> CostType:
    for known in get_args(CostType):
        if value == known:
            return known  # type: ignore[no-any-return]  # get_args is untyped
    raise CallerError(f"{value!r} is not a cost type", code="bad_request")


def ensure_csr_format(value: str | None) -> CsrFormat | None:
    if value is None:
        return None
    for known in get_args(CsrFormat):
        if value == known:
            return known  # type: ignore[no-any-return]  # get_args is untyped
    raise CallerError(f"{value!r} is not a format of certificate requests", code="bad_request")


def parse_certificate(data: bytes, *, code: str = "invalid_certificate") -> Certificate:
    """DER or PEM; of a PEM chain the first certificate."""
    try:
        return read_certificate(data)
    except PeerError as error:
        raise CallerError(error.message, code=code) from error


def certificate_name(certificate: Certificate) -> str:
    """What people call a trust service: the common name of its certificate, or the whole subject without one."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = str(names[0].value) if names else certificate.subject.rfc4514_string()
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", name)[:255] or "?"
