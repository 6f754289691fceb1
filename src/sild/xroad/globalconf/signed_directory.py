"""The signed directory: which files make up a configuration, their hashes, until when (PR-GCONF 2, WIRE 13.1, 13.5).

Three steps, three types: bytes -> `SignedDirectory` (structure only, nothing of it may be believed) -> `ConfigurationDirectory`
(signature checked against certificates of *this* source, not expired) -> a file's content checked against its hash. The signing
certificate is a container for a key: neither its chain nor its validity is looked at. X-Road keeps certificates by hash for
the whole process, so that a certificate of one instance would verify another's directory; here they are an argument (WIRE 18).

Writing is in `directory_writing`: `prepare_signed_directory(...)` gives the bytes to be signed and puts the signature around them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from sild.clock import xml_datetime
from sild.errors import PeerError, PlatformError, TrustError
from sild.pki import DigestAlgorithm, SignatureAlgorithm, ecdsa_der_from_raw, read_certificate, verify_bytes
from sild.xroad.globalconf.directory_writing import (
    DirectoryPart,
    PreparedDirectory,
    content_location_prefix,
    prepare_signed_directory,
)
from sild.xroad.globalconf.mime import PARSING_FAILURE, MimePart, field_value, split_head, split_multipart

__all__ = [
    "FETCHINTERVAL",
    "MONITORING",
    "NEXTUPDATE",
    "PRIVATE_PARAMETERS",
    "SHARED_PARAMETERS",
    "ConfigurationDirectory",
    "ConfigurationFile",
    "DirectoryPart",
    "PreparedDirectory",
    "SignedDirectory",
    "content_location_prefix",
    "parse_signed_directory",
    "prepare_signed_directory",
    "verify_signed_directory",
]

PRIVATE_PARAMETERS = "PRIVATE-PARAMETERS"
SHARED_PARAMETERS = "SHARED-PARAMETERS"
MONITORING = "MONITORING"
FETCHINTERVAL = "FETCHINTERVAL"
NEXTUPDATE = "NEXTUPDATE"

FILE_NAMES = {PRIVATE_PARAMETERS: "private-params.xml", SHARED_PARAMETERS: "shared-params.xml"}

MAX_DIRECTORY_BYTES = 1024 * 1024
MAX_FILES = 100

FIELD_MISSING = "global_conf_header_field_missing"
FIELD_WRONG = "global_conf_header_field_wrong_value"
PARAMETER_MISSING = "global_conf_header_field_missing_parameter"


@dataclass(frozen=True, slots=True)
class SignedDirectory:
    """Taken apart, not believed: `signed_data` are the exact bytes under `signature` (EC: DER)."""

    signed_data: bytes = field(repr=False)
    boundary: str
    signature: bytes = field(repr=False)
    signature_algorithm: SignatureAlgorithm
    certificate_hash: bytes
    certificate_hash_algorithm: DigestAlgorithm


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """One line of the directory. `file_name` is a bare name, safe to create."""

    content_identifier: str
    instance_identifier: str
    content_location: str
    hash_algorithm: DigestAlgorithm
    hash: bytes
    file_name: str

    def ensure_content(self, content: bytes) -> None:
        """Raises TrustError (`global_conf_part_downloaded_file_integrity_failure`)."""
        if self.hash_algorithm.digest(content) != self.hash:
            raise TrustError(
                f"Failed to verify content integrity ({self.content_identifier})",
                code="global_conf_part_downloaded_file_integrity_failure",
                location=self.content_location,
            )


@dataclass(frozen=True, slots=True)
class ConfigurationDirectory:
    """A directory whose signature was good at the time it was verified; made by `verify_signed_directory` only."""

    expires_at: datetime
    version: int | None
    files: tuple[ConfigurationFile, ...]

    def file(self, content_identifier: str, instance: str) -> ConfigurationFile | None:
        return next(
            (
                f
                for f in self.files
                if f.content_identifier == content_identifier and f.instance_identifier == instance
            ),
            None,
        )


# -- reading -----------------------------------------------------------------------------------------------------------


def parse_signed_directory(data: bytes) -> SignedDirectory:
    """The body of `/internalconf` or `/externalconf`; its own header block counts, not HTTP's.

    Raises PeerError with X-Road's codes: `global_conf_missing_signed_data`, `..._missing_signed_data_expiration_date` (what
    the reference calls a directory whose signature part is missing), `..._header_field_*`, `..._signature_decode_failure`,
    `..._parsing_downloaded_conf_directory_failure`.
    """
    if len(data) > MAX_DIRECTORY_BYTES:
        raise PeerError("the directory is too large", code=PARSING_FAILURE, size=len(data))
    envelope = split_head(data)
    content_type, parameters = field_value(envelope.headers.get("content-type", ""))
    if content_type.lower() != "multipart/related":
        raise PeerError("the directory is not multipart/related", code=PARSING_FAILURE)
    parts, closed = split_multipart(envelope.body, parameters.get("boundary", ""))
    if not parts:
        raise PeerError("the directory has no signed data", code="global_conf_missing_signed_data")
    if len(parts) == 1:
        raise PeerError(
            "the directory has no signature", code="global_conf_missing_signed_data_expiration_date"
        )
    if len(parts) > 2 or not closed:
        raise PeerError("the directory is cut off, or has more than two parts", code=PARSING_FAILURE)
    return _signed_directory(*parts)


def _signed_directory(content: MimePart, signature: MimePart) -> SignedDirectory:
    _, content_parameters = field_value(content.headers.get("content-type", ""))
    _require_octets(signature)
    algorithm_uri = _required(signature, "signature-algorithm-id")
    hash_text, parameters = field_value(_required(signature, "verification-certificate-hash"))
    hash_algorithm = parameters.get("hash-algorithm-id")
    if not hash_algorithm:
        raise PeerError(
            "Field verification-certificate-hash is missing parameter hash-algorithm-id",
            code=PARAMETER_MISSING,
        )
    try:
        value = base64.b64decode(b"".join(signature.body.split()), validate=True)
    except binascii.Error:
        raise PeerError("Failed to decode signature", code="global_conf_signature_decode_failure") from None
    return SignedDirectory(
        signed_data=content.body,
        boundary=content_parameters.get("boundary", ""),
        signature=value,
        signature_algorithm=_signature_algorithm(algorithm_uri),
        certificate_hash=_base64(hash_text, "verification-certificate-hash"),
        certificate_hash_algorithm=_digest_algorithm(hash_algorithm),
    )


def _required(part: MimePart, name: str) -> str:
    value = part.headers.get(name, "")
    if not value:
        raise PeerError(f"Missing field {name}", code=FIELD_MISSING, field=name)
    return value


def _require_octets(part: MimePart) -> None:
    """Exactly these values, as the reference demands."""
    for name, expected in (
        ("content-type", "application/octet-stream"),
        ("content-transfer-encoding", "base64"),
    ):
        if _required(part, name) != expected:
            raise PeerError(f"Field {name} must have value {expected}", code=FIELD_WRONG, field=name)


def _base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise PeerError(f"{name} is not base64", code=FIELD_WRONG, field=name) from None


def _digest_algorithm(uri: str) -> DigestAlgorithm:
    try:
        return DigestAlgorithm.from_uri(uri)
    except PeerError as error:
        raise PeerError(error.message, code=FIELD_WRONG) from None


def _signature_algorithm(uri: str) -> SignatureAlgorithm:
    try:
        return SignatureAlgorithm.from_uri(uri)
    except PeerError as error:
        raise PeerError(error.message, code=FIELD_WRONG) from None


def verify_signed_directory(
    directory: SignedDirectory, verification_certs: Iterable[bytes], *, at: datetime
) -> ConfigurationDirectory:
    """Check signature and expiry, then read what was signed.

    `verification_certs`: DER, of the one source the directory came from. In the reference's order, raises TrustError:
    `global_conf_missing_verification_cert`, `global_conf_signature_verification_failure`, `global_conf_outdated`; PeerError:
    `global_conf_header_field_missing` (Expire-date, then each file's), `..._missing_parameter`, `..._wrong_value`.
    """
    certificate = _verification_cert(directory, verification_certs)
    _verify_signature(directory, certificate)
    parts, _ = split_multipart(directory.signed_data, directory.boundary)
    if not parts:
        raise PeerError("the directory lists nothing", code="global_conf_missing_signed_data_expiration_date")
    head, *files = parts
    expires_at = _expire_date(_required(head, "expire-date"))
    if expires_at <= at:
        raise TrustError(
            f"Configuration expired on {xml_datetime(expires_at)}",
            code="global_conf_outdated",
            expired_at=xml_datetime(expires_at),
        )
    if len(files) > MAX_FILES:
        raise PeerError("the directory lists too many files", code=PARSING_FAILURE)
    found = tuple(map(_configuration_file, files))
    if len({(f.instance_identifier, f.file_name) for f in found}) != len(found):
        raise PeerError("the directory lists a file twice", code=PARSING_FAILURE)
    return ConfigurationDirectory(expires_at, _version(head), found)


def _verification_cert(directory: SignedDirectory, verification_certs: Iterable[bytes]) -> bytes:
    for certificate in verification_certs:
        if directory.certificate_hash_algorithm.digest(certificate) == directory.certificate_hash:
            return certificate
    wanted = base64.b64encode(directory.certificate_hash).decode()
    raise TrustError(
        f"could not find verification certificate for certificate hash {wanted}",
        code="global_conf_missing_verification_cert",
        certificate_hash=wanted,
    )


def _verify_signature(directory: SignedDirectory, certificate: bytes) -> None:
    algorithm = directory.signature_algorithm
    try:
        key = read_certificate(certificate).public_key()
        signature = directory.signature
        if isinstance(key, ec.EllipticCurvePublicKey) and not signature.startswith(b"\x30"):
            signature = ecdsa_der_from_raw(
                signature, key
            )  # a configuration proxy passes on what its token gave
        verify_bytes(key, algorithm, signature, directory.signed_data)
    except (PlatformError, ValueError):
        raise TrustError(
            "Failed to verify signature of configuration", code="global_conf_signature_verification_failure"
        ) from None


def _expire_date(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise PeerError("Expire-date has no zone", code=FIELD_WRONG)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PeerError(f"Expire-date {text!r} is no time", code=FIELD_WRONG) from None


def _version(head: MimePart) -> int | None:
    text = head.headers.get("version")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise PeerError(f"Version {text!r} is no number", code=FIELD_WRONG, field="version")
    return int(text)


def _configuration_file(part: MimePart) -> ConfigurationFile:
    _require_octets(part)
    location = _location(part)
    algorithm = _digest_algorithm(_required(part, "hash-algorithm-id"))
    identifier, parameters = field_value(_required(part, "content-identifier"))
    instance = parameters.get("instance")
    if not identifier or not instance:
        raise PeerError("Field content-identifier is missing parameter instance", code=PARAMETER_MISSING)
    return ConfigurationFile(
        content_identifier=identifier,
        instance_identifier=instance,
        content_location=location,
        hash_algorithm=algorithm,
        hash=_base64(part.body.decode("ascii", "replace"), "hash"),
        file_name=FILE_NAMES.get(identifier) or _file_name(part.headers.get("content-file-name") or location),
    )


def _location(part: MimePart) -> str:
    location = _required(part, "content-location")
    try:
        urlsplit(location)
    except ValueError:
        raise PeerError(f"{location!r} is no URL", code=FIELD_WRONG, field="content-location") from None
    return location


_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,120}")


def _file_name(location: str) -> str:
    """The last segment. Nothing that could leave its directory or stand for another file there."""
    name = urlsplit(location).path.rpartition("/")[2]
    if not _SAFE_NAME.fullmatch(name) or name.endswith(".metadata") or name in FILE_NAMES.values():
        raise PeerError(f"{location!r} gives no file name", code=FIELD_WRONG, field="content-location")
    return name
