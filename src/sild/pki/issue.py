"""What each kind of certificate says about itself, and making one (RFC 5280 4.1, 4.2).

Pure: the caller gives key, serial number and times. X-Road looks only at the usages here; whom a sign certificate
speaks for stands in its subject, by the certificate profile of its CA.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from sild.pki.algorithms import PrivateKey, PublicKey

__all__ = ["CertificateProfile", "hash_for_key", "issue_certificate"]


@dataclass(frozen=True)
class _Rules:
    usages: tuple[str, ...]
    extended: tuple[x509.ObjectIdentifier, ...] = ()
    extended_critical: bool = False
    ca: bool = False
    path_length: int | None = None
    no_check: bool = False  # id-pkix-ocsp-nocheck, RFC 6960 4.2.2.2.1


class CertificateProfile(Enum):
    ROOT_CA = _Rules(("key_cert_sign", "crl_sign"), ca=True)
    INTERMEDIATE_CA = _Rules(("key_cert_sign", "crl_sign"), ca=True, path_length=0)
    OCSP_RESPONDER = _Rules(("digital_signature",), (ExtendedKeyUsageOID.OCSP_SIGNING,), no_check=True)
    TIMESTAMPING_AUTHORITY = _Rules(
        ("digital_signature", "content_commitment"),
        (ExtendedKeyUsageOID.TIME_STAMPING,),
        extended_critical=True,  # RFC 3161 2.3
    )
    SIGN = _Rules(("content_commitment",))
    AUTH = _Rules(
        ("digital_signature", "key_exchange"),
        (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
    )
    TLS = _Rules(
        ("digital_signature", "key_exchange"),
        (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    )
    CONFIGURATION_SIGNER = _Rules(("digital_signature", "content_commitment"))


def issue_certificate(
    profile: CertificateProfile,
    *,
    subject: x509.Name,
    public_key: PublicKey,
    issuer: x509.Name,
    issuer_key: PrivateKey,
    issuer_public_key: PublicKey,
    serial_number: int,
    not_before: datetime,
    not_after: datetime,
    ocsp_url: str | None = None,
    dns_names: Sequence[str] = (),
) -> x509.Certificate:
    """Issue an X.509 v3 certificate. Self-signed when subject and key are the issuer's.

    serial_number: positive, below 2**159 (RFC 5280 4.1.2.2).  dns_names: host names or IP addresses.
    Raises ValueError for values X.509 cannot hold.
    """
    rules = profile.value
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial_number)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(rules.ca, rules.path_length), critical=True)
        .add_extension(_key_usage(rules.usages, public_key), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public_key), critical=False)
    )
    if rules.extended:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage(rules.extended), critical=rules.extended_critical
        )
    if rules.no_check:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    if ocsp_url is not None:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_url)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    if dns_names:
        names = [_general_name(name) for name in dns_names]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hash_for_key(issuer_key))


def hash_for_key(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """The digest that fits a key's strength: SHA-256 for RSA and P-256, SHA-384 for P-384, SHA-512 above."""
    if isinstance(key, rsa.RSAPrivateKey) or key.curve.key_size <= 256:
        return hashes.SHA256()
    return hashes.SHA384() if key.curve.key_size <= 384 else hashes.SHA512()


def _key_usage(usages: tuple[str, ...], public_key: PublicKey) -> x509.KeyUsage:
    agreement = isinstance(public_key, ec.EllipticCurvePublicKey)  # EC keys agree, RSA keys encipher
    exchange = "key_exchange" in usages
    return x509.KeyUsage(
        digital_signature="digital_signature" in usages,
        content_commitment="content_commitment" in usages,
        key_encipherment=exchange and not agreement,
        data_encipherment=False,
        key_agreement=exchange and agreement,
        key_cert_sign="key_cert_sign" in usages,
        crl_sign="crl_sign" in usages,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
