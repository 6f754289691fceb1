"""One certification authority with its OCSP responder and time-stamping authority, and where they keep their state.

    <directory>/ca.p12, ocsp.p12, tsa.p12    keys and certificates behind the password
    <directory>/trust.sqlite                 certificates, revocations, audit; or a PostgreSQL by URL

Any number of processes may share directory and database: serial numbers are random, and the database is asked for
every status. `ca.p12` is written last: while it is missing, nothing has been created.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette

from sild.clock import Clock, system_clock
from sild.database import open_database, sqlite_url
from sild.errors import CallerError, PlatformError, Unavailable
from sild.pki import (
    Certificate,
    CertificateProfile,
    OCSPResponder,
    PrivateKey,
    PublicKey,
    Revoked,
    TimeStampAuthority,
    issue_certificate,
)
from sild.telemetry import get_logger
from sild.trust_services.acme import AcmeOptions, AcmeServer
from sild.trust_services.certification import (
    CertificateRequest,
    SubjectRules,
    check_person_request,
    check_request,
    check_seal_request,
    read_certificate_request,
)
from sild.trust_services.http import trust_app
from sild.trust_services.keys import (
    Credential,
    KeyKind,
    generate_key,
    read_credential,
    write_credential,
)
from sild.trust_services.store import IssuedCertificate, Store

__all__ = ["TrustOptions", "TrustServices"]

log = get_logger("trust_services")

MIGRATIONS = Path(__file__).parent / "migrations"
CLOCK_SKEW = timedelta(minutes=5)
"""New certificates begin this long ago, so that a peer whose clock is late does not refuse them."""
TIMESTAMP_SERIAL_BITS = 127


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """name: organisation in the services' own subjects.  ocsp_url: for the certificates' authorityInfoAccess.

    ocsp_validity: from thisUpdate to nextUpdate; None leaves nextUpdate out.  timestamp_policy: object identifier.
    api_keys: holder's name to SHA-256 of the key, for issuing and revoking over HTTP.  seal_bodies: holders who
    may ask for seals of one body, `INSTANCE/CLASS/CODE`, and for nothing else.  person_holders: those who may ask for
    signing keys of natural persons (a remote signing service), and for nothing else.  signing_form: POST /testca/sign
    certifies for everybody who reaches it, as X-Road's test CA does; for closed test networks only.  acme: None is off.
    """

    name: str = "Sild"
    key_kind: KeyKind = "ec-p256"
    authority_validity: timedelta = timedelta(days=20 * 365)
    certificate_validity: timedelta = timedelta(days=2 * 365)
    ocsp_validity: timedelta | None = timedelta(days=1)
    timestamp_policy: str = "2.25.190315413365971894384744908554684639489"
    ocsp_url: str | None = None
    subject_rules: SubjectRules = field(default_factory=SubjectRules)
    api_keys: Mapping[str, bytes] = field(default_factory=dict)
    seal_bodies: Mapping[str, str] = field(default_factory=dict)
    person_holders: frozenset[str] = frozenset()
    signing_form: bool = False
    acme: AcmeOptions | None = None


class TrustServices:
    """Get one by `create` or `open`. Thread-safe; its methods block for a database transaction and a signature."""

    def __init__(
        self,
        authority: Credential,
        ocsp: Credential,
        tsa: Credential,
        store: Store,
        *,
        options: TrustOptions,
        clock: Clock,
    ) -> None:
        self.ca_certificate, self._key = authority
        self.ocsp_certificate = ocsp[0]
        self.tsa_certificate = tsa[0]
        self.options = options
        self._store = store
        self._clock = clock
        self._responder = OCSPResponder(*ocsp, self.ca_certificate)
        self._time_stamps = TimeStampAuthority(*tsa, options.timestamp_policy, [self.ca_certificate])
        self.acme = None if options.acme is None else self._acme_server(options.acme)

    def _acme_server(self, options: AcmeOptions) -> AcmeServer:
        return AcmeServer(
            options,
            self._store.engine,
            self._key,
            issue=self.issue,
            revoke=lambda serial_number, reason, actor: self.revoke(serial_number, reason, actor=actor),
            find=self.certificate,
            validity=self.options.certificate_validity,
            clock=self._clock,
        )

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        password: str,
        options: TrustOptions | None = None,
        database_url: str | None = None,
        clock: Clock = system_clock,
    ) -> TrustServices:
        """New keys, a self-signed CA and its two services.

        Raises CallerError when `directory` holds trust services already, Unavailable when it cannot be written.
        """
        options = options or TrustOptions()
        if (directory / "ca.p12").exists():
            raise CallerError(f"{directory} holds trust services already")
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Unavailable(f"{directory}: {error.strerror}", code="io_error") from error
        at = clock()
        authority, others = _new_services(options, at)
        store = _open_store(directory, database_url)
        try:
            store.add(authority[0], CertificateProfile.ROOT_CA, at=at, actor="create")
            for name, (profile, credential) in others.items():
                store.add(credential[0], profile, at=at, actor="create")
                write_credential(directory / f"{name}.p12", credential, password)
            write_credential(directory / "ca.p12", authority, password)
        except PlatformError:
            store.close()
            raise
        log.info("trust_services.created", directory=str(directory), key_kind=options.key_kind)
        return cls(authority, others["ocsp"][1], others["tsa"][1], store, options=options, clock=clock)

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        password: str,
        options: TrustOptions | None = None,
        database_url: str | None = None,
        clock: Clock = system_clock,
    ) -> TrustServices:
        """Raises CallerError when nothing was created in `directory`, PasswordIncorrect, Unavailable."""
        if not (directory / "ca.p12").exists():
            raise CallerError(f"no trust services were created in {directory}", code="key_not_found")
        authority, ocsp, tsa = (
            read_credential(directory / f"{name}.p12", password) for name in ("ca", "ocsp", "tsa")
        )
        store = _open_store(directory, database_url)
        return cls(authority, ocsp, tsa, store, options=options or TrustOptions(), clock=clock)

    @property
    def app(self) -> Starlette:
        """The ASGI application over these services."""
        return trust_app(self)

    @staticmethod
    def exists(directory: Path) -> bool:
        return (directory / "ca.p12").exists()

    def close(self) -> None:
        self._store.close()

    def issue(
        self,
        request: bytes,
        profile: CertificateProfile,
        *,
        actor: str = "api",
        dns_names: Sequence[str] | None = None,
        validity: timedelta | None = None,
        body: str | None = None,
        for_person: bool = False,
    ) -> Certificate:
        """Certify a PKCS#10 request (DER or PEM) as SIGN, AUTH or TLS; recorded before it is returned.

        dns_names: instead of those the request asks for; sign certificates carry none.  validity: at most the CA's own.
        body: whose seals alone may be asked for; None: whatever the profile gives.  for_person: a natural person's signing key, which
        nobody else may ask for, and nothing besides.
        Raises CertificateRequestRefused, Unavailable.
        """
        wanted = read_certificate_request(request)
        if profile is CertificateProfile.SIGN:
            dns_names = ()
        if dns_names is not None:
            wanted = CertificateRequest(wanted.subject, wanted.public_key, tuple(dns_names))
        check_request(
            wanted,
            profile,
            rules=self.options.subject_rules,
            authority=(self.ca_certificate, self.ocsp_certificate, self.tsa_certificate),
        )
        check_person_request(wanted, profile, for_person=for_person)
        if body is not None:
            check_seal_request(wanted, profile, body)
        at = self._clock()
        issued = _issue(
            profile,
            subject=wanted.subject,
            public_key=wanted.public_key,
            issuer=self.ca_certificate.subject,
            issuer_key=self._key,
            at=at,
            not_after=min(
                at + (validity or self.options.certificate_validity), self.ca_certificate.not_valid_after_utc
            ),
            ocsp_url=self.options.ocsp_url,
            dns_names=wanted.dns_names,
        )
        self._store.add(issued, profile, at=at, actor=actor)
        log.info("trust_services.issued", profile=profile.name, serial_number=f"{issued.serial_number:x}")
        return issued

    def revoke(
        self, serial_number: int, reason: x509.ReasonFlags | None = None, *, actor: str = "api"
    ) -> Revoked:
        """Revoke from now on, for good; the first revocation of a certificate stays.

        Raises CertificateNotFound, CallerError (removeFromCRL is no reason), Unavailable.
        """
        if reason is x509.ReasonFlags.remove_from_crl:
            raise CallerError("removeFromCRL is not a reason to revoke")
        revoked = self._store.revoke(serial_number, reason, at=self._clock(), actor=actor)
        log.info("trust_services.revoked", serial_number=f"{serial_number:x}")
        return revoked

    def certificate(self, serial_number: int) -> IssuedCertificate:
        """Raises CertificateNotFound, Unavailable."""
        return self._store.find(serial_number)

    def certificates(self) -> tuple[IssuedCertificate, ...]:
        """All ever issued, the services' own among them. Raises Unavailable."""
        return self._store.certificates()

    def answer_ocsp(self, request: bytes) -> bytes:
        """An OCSPResponse (DER) to an OCSPRequest; errors in the protocol's own words."""
        return self._responder.answer(
            request, at=self._clock(), status_of=self._store.status, validity=self.options.ocsp_validity
        )

    def answer_timestamp(self, request: bytes) -> bytes:
        """A TimeStampResp (DER) to a TimeStampReq. Serial numbers are random, so none has to be remembered."""
        serial_number = secrets.randbits(TIMESTAMP_SERIAL_BITS)
        return self._time_stamps.answer(request, at=self._clock(), serial_number=serial_number)


def _open_store(directory: Path, database_url: str | None) -> Store:
    return Store(open_database(database_url or sqlite_url(directory / "trust.sqlite"), MIGRATIONS))


def _new_services(
    options: TrustOptions, at: datetime
) -> tuple[Credential, dict[str, tuple[CertificateProfile, Credential]]]:
    """The CA, and by file name the services it certifies; all end together, there is nothing to renew between."""
    not_after = at + options.authority_validity
    key = generate_key(options.key_kind)
    subject = _subject(options.name, "CA")

    def certify(profile: CertificateProfile, own: x509.Name, public_key: PublicKey) -> Certificate:
        return _issue(
            profile,
            subject=own,
            public_key=public_key,
            issuer=subject,
            issuer_key=key,
            at=at,
            not_after=not_after,
        )

    others = {}
    for name, profile in {
        "ocsp": CertificateProfile.OCSP_RESPONDER,
        "tsa": CertificateProfile.TIMESTAMPING_AUTHORITY,
    }.items():
        own = generate_key(options.key_kind)
        others[name] = (
            profile,
            (certify(profile, _subject(options.name, name.upper()), own.public_key()), own),
        )
    return (certify(CertificateProfile.ROOT_CA, subject, key.public_key()), key), others


def _subject(organisation: str, service: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{organisation} {service}"),
        ]
    )


def _issue(
    profile: CertificateProfile,
    *,
    subject: x509.Name,
    public_key: PublicKey,
    issuer: x509.Name,
    issuer_key: PrivateKey,
    at: datetime,
    not_after: datetime,
    ocsp_url: str | None = None,
    dns_names: Sequence[str] = (),
) -> Certificate:
    return issue_certificate(
        profile,
        subject=subject,
        public_key=public_key,
        issuer=issuer,
        issuer_key=issuer_key,
        issuer_public_key=issuer_key.public_key(),
        serial_number=x509.random_serial_number(),
        not_before=at - CLOCK_SKEW,
        not_after=not_after,
        ocsp_url=ocsp_url,
        dns_names=dns_names,
    )
