"""A proxy instance as it stands in its configuration files (UG-CP 3.2.1): values, and what can be said of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sild.configuration_proxy.errors import NotConfigured
from sild.errors import PeerError, PlatformError
from sild.pki import read_certificate
from sild.xroad.globalconf import ConfigurationAnchor, anchor_hash, parse_anchor

__all__ = ["ProxyInstance", "SigningKey"]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signing key by its name in the token, and its self-signed certificate. `certificate`: DER, None when it cannot be had."""

    id: str
    certificate_path: Path
    certificate: bytes | None = field(repr=False)
    active: bool

    @property
    def certificate_der(self) -> bytes:
        """For a key whose certificate has no problem."""
        if self.certificate is None:
            raise ValueError("a signing key without a certificate")
        return self.certificate

    @property
    def certificate_problem(self) -> str | None:
        """What is wrong with the certificate, in the reference's words; None when nothing is."""
        if self.certificate is None:
            return "CERTIFICATE FILE MISSING!"
        try:
            read_certificate(self.certificate)
        except PlatformError as error:
            return f"INVALID CERTIFICATE - {error.message}"
        return None


@dataclass(frozen=True, slots=True)
class ProxyInstance:
    """`source_anchor_file`: the bytes of anchor.xml, None while there is none. `signing_keys`: the active one first."""

    name: str
    directory: Path
    validity_interval_seconds: int | None
    source_anchor_file: bytes | None = field(repr=False)
    signing_keys: tuple[SigningKey, ...] = ()

    @property
    def source_anchor(self) -> ConfigurationAnchor:
        """Raises NotConfigured (there is none), PeerError (`malformed_anchor`)."""
        if self.source_anchor_file is None:
            raise NotConfigured(
                f"'anchor.xml' could not be loaded: {self.directory / 'anchor.xml'} does not exist",
                code="anchor_file_not_found",
            )
        return parse_anchor(self.source_anchor_file)

    @property
    def source_anchor_hash(self) -> str | None:
        """As people compare it: SHA-224, in pairs (UG-CP 3.4)."""
        return None if self.source_anchor_file is None else anchor_hash(self.source_anchor_file)

    @property
    def active_signing_key(self) -> SigningKey | None:
        return next((key for key in self.signing_keys if key.active), None)

    @property
    def verification_certs(self) -> tuple[bytes, ...]:
        """DER, each once, the active key's first: what stands in anchors and in the `source` of v3 and later."""
        readable = (key for key in self.signing_keys if key.certificate_problem is None)
        return tuple(dict.fromkeys(key.certificate_der for key in readable))

    def require_signing_key(self) -> SigningKey:
        """The active key, with a certificate that can be read. Raises NotConfigured."""
        key = self.active_signing_key
        if key is None:
            raise NotConfigured(
                "no active signing key is configured", code="no_configuration_signing_keys_configured"
            )
        if problem := key.certificate_problem:
            raise NotConfigured(
                f"signing key {key.id}: {problem}", code="no_configuration_signing_keys_configured"
            )
        return key

    def require_validity_interval(self) -> int:
        """Seconds. Raises NotConfigured."""
        if not self.validity_interval_seconds:
            raise NotConfigured("'validity-interval-seconds' is not configured in 'conf.ini'")
        return self.validity_interval_seconds

    def anchor_problem(self) -> str | None:
        """Why there is no source anchor to be used; None when there is one."""
        try:
            assert self.source_anchor
        except (NotConfigured, PeerError) as error:
            return error.message
        return None
