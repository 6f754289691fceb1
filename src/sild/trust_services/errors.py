"""What can be wrong with what a caller of the trust services asks for."""

from __future__ import annotations

from sild.errors import CallerError

__all__ = ["CertificateNotFound", "CertificateRequestRefused", "PasswordIncorrect"]


class CertificateRequestRefused(CallerError):
    """The request cannot be read, does not prove its key, or asks for what its profile does not give."""

    code = "invalid_request"


class CertificateNotFound(CallerError):
    code = "cert_not_found"


class PasswordIncorrect(CallerError):
    """The password does not open the key files."""

    code = "pin_incorrect"
