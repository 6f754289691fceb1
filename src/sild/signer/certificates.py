"""What the signer knows of its certificates and of requests for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sild.pki import Certificate
from sild.xroad.identifiers import ClientId

__all__ = ["CertificateInfo", "CertificateRequest", "CertificateStatus", "KeyUsage"]


class KeyUsage(Enum):
    SIGNING = "signing"
    AUTHENTICATION = "authentication"


class CertificateStatus(Enum):
    """A certificate's way through registration at the central server, in X-Road's words."""

    SAVED = "saved"
    REGISTRATION_IN_PROGRESS = "registration in progress"
    REGISTERED = "registered"
    DELETION_IN_PROGRESS = "deletion in progress"
    GLOBAL_ERROR = "global error"


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """sha1: of the DER, lower-case hex, as port 5577 is asked for it.  member: whose it is; of an auth certificate, the
    owner of the security server."""

    id: int
    sha1: str
    certificate: Certificate
    key_id: str
    usage: KeyUsage
    member: ClientId
    status: CertificateStatus
    is_active: bool

    @property
    def is_usable(self) -> bool:
        """Active and registered; nothing is said about its validity."""
        return self.is_active and self.status is CertificateStatus.REGISTERED


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """der: PKCS#10."""

    id: int
    key_id: str
    usage: KeyUsage
    member: ClientId
    der: bytes
