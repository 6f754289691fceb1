"""The TLS key and certificate of the registration and management services (ports 4001, 4002), as X-Road's management-service.p12.

Self-signed by default: security servers pin the certificate of the registration service from the private parameters, and the
management security server is told it for port 4002. Key and certificates are one file, exchanged whole, so that a server that runs
takes either the old or the new.
"""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from sild.central_server.management_services import ManagementServicesAdministration, host_of
from sild.central_server.parameters import read_parameters
from sild.central_server.records import KeyAlgorithm
from sild.central_server.validation import is_ip
from sild.errors import CallerError, Unavailable
from sild.http1 import TlsContext, information_system_server_context
from sild.pki import Certificate, CertificateProfile, PrivateKey, issue_certificate
from sild.private_files import write_private
from sild.telemetry import get_logger

__all__ = ["ManagementServiceTls", "ServiceTls"]

log = get_logger("central_server")

VALIDITY = timedelta(days=365 * 20)
RSA_BITS = 3072


class ManagementServiceTls(ManagementServicesAdministration):
    _service_tls_file: Path

    def management_service_tls(self, *, key_algorithm: KeyAlgorithm = "RSA") -> ServiceTls:
        """Key and certificate of the services, made now if there are none. Raises Unavailable (`io_error`).

        key_algorithm: of a key made now; RSA with 3072 bits, as X-Road's, which every client knows.
        """
        if not self._service_tls_file.exists():
            self._make_key(key_algorithm)
        return ServiceTls(self._service_tls_file)

    def renew_management_service_key(self) -> Certificate:
        """A new key with a self-signed certificate, told to security servers with the next configuration.

        Until they have it (a minute or two) no authentication certificate can be registered. Raises Unavailable (`io_error`).
        """
        self._make_key()
        return self.publish_management_service_tls()

    def publish_management_service_tls(self) -> Certificate:
        """Have the private parameters name the certificate the services show."""
        certificate = self.management_service_tls().chain[0]
        if self.management_service_certificate() != certificate.public_bytes(Encoding.DER):
            self.set_management_service_certificate(certificate.public_bytes(Encoding.DER))
        return certificate

    def management_service_certificate_request(self) -> bytes:
        """A PKCS#10 request (PEM) for the key in use, to have its certificate issued by an authority."""
        tls = self.management_service_tls()
        builder = x509.CertificateSigningRequestBuilder(self._subject())
        names = x509.SubjectAlternativeName([_general_name(self._host())])
        request = builder.add_extension(names, critical=False).sign(tls.key, hashes.SHA256())
        return request.public_bytes(Encoding.PEM)

    def import_management_service_certificate(self, pem: bytes) -> Certificate:
        """Use `pem` (the certificate first, then intermediates) with the key in use, and tell it to security servers.

        Raises CallerError (`invalid_certificate`: unreadable; `key_not_found`: of another key), Unavailable.
        """
        try:
            chain = x509.load_pem_x509_certificates(pem)
        except ValueError as error:
            raise CallerError(f"not a certificate: {error}", code="invalid_certificate") from error
        key = self.management_service_tls().key
        if chain[0].public_key() != key.public_key():
            raise CallerError("the certificate is of another key", code="key_not_found")
        _write(self._service_tls_file, key, chain)
        return self.publish_management_service_tls()

    def _make_key(self, key_algorithm: KeyAlgorithm = "RSA") -> None:
        key: PrivateKey = (
            ec.generate_private_key(ec.SECP256R1())
            if key_algorithm == "EC"
            else rsa.generate_private_key(65537, RSA_BITS)
        )
        at = self._clock()
        host = self._host()
        certificate = issue_certificate(
            CertificateProfile.TLS,
            subject=self._subject(),
            public_key=key.public_key(),
            issuer=self._subject(),
            issuer_key=key,
            issuer_public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_before=at - timedelta(hours=1),
            not_after=at + VALIDITY,
            dns_names=() if is_ip(host) else (host,),
        )
        _write(self._service_tls_file, key, [certificate])

    def _host(self) -> str:
        with self._read() as connection:
            return host_of(read_parameters(connection)["centralServerAddress"]).strip("[]")

    def _subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._host()[:64])])


class ServiceTls:
    """What stands in the file now; call it for the context of a new connection."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._load()

    def __call__(self) -> TlsContext:
        try:
            if self._state() != self._loaded:
                self._load()
                log.info("central_server.service_tls_renewed")
        except Unavailable as error:
            log.refusal("central_server.service_tls", error)
        return self._context

    def _state(self) -> tuple[int, int]:
        try:
            status = self._file.stat()
        except OSError as error:
            raise _unavailable(self._file, error) from error
        return status.st_ino, status.st_mtime_ns

    def _load(self) -> None:
        self._loaded = self._state()
        try:
            data = self._file.read_bytes()
            key = load_pem_private_key(data, password=None)
            self.chain = x509.load_pem_x509_certificates(data)
        except OSError as error:
            raise _unavailable(self._file, error) from error
        except ValueError as error:
            raise Unavailable(f"{self._file}: {error}", code="io_error") from error
        if not isinstance(key, PrivateKey):
            raise Unavailable(f"{self._file}: neither an RSA nor an EC key", code="io_error")
        self.key: PrivateKey = key
        context = information_system_server_context()  # a client's certificate is asked for, and judged above
        context.use_key(key, self.chain)
        self._context = context


def _write(file: Path, key: PrivateKey, chain: list[Certificate]) -> None:
    """Readable by its owner alone; whole or not at all."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem += b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(file, pem)
    except OSError as error:
        raise _unavailable(file, error) from error


def _unavailable(file: Path, error: OSError) -> Unavailable:
    return Unavailable(f"{file}: {error.strerror or error}", code="io_error")


def _general_name(host: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(host)) if is_ip(host) else x509.DNSName(host)
