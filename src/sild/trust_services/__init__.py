"""Trust services of a test or closed instance: certification authority, OCSP responder, time-stamping authority.

RFC 5280, RFC 2986 (PKCS#10), RFC 6960, RFC 3161, and the signing form of X-Road's test CA. Real services, one
application and one database; a security server works as well with any other CA, OCSP responder and TSA. Called by
`sild.processes`, `sild.nation` and tests; everybody else meets it on the wire.

services.py        TrustServices: create, open, issue, revoke, answer    store.py, tables.py  all SQL
certification.py   what a certificate request may ask for                keys.py              keys behind a password
http.py            the endpoints and who may call them                   form.py              the signing form's body
acme.py            the ACME server (RFC 8555): acme_http.py -> acme_accounts.py, acme_orders.py -> acme_store.py
acme_jws.py        signed requests                                       acme_validation.py   http-01
"""

from sild.trust_services.acme import AcmeOptions, AcmeServer
from sild.trust_services.acme_accounts import ExternalAccountKey
from sild.trust_services.certification import SubjectRules
from sild.trust_services.errors import CertificateNotFound, CertificateRequestRefused, PasswordIncorrect
from sild.trust_services.http import trust_app
from sild.trust_services.keys import KeyKind
from sild.trust_services.services import TrustOptions, TrustServices
from sild.trust_services.store import IssuedCertificate

__all__ = [
    "AcmeOptions",
    "AcmeServer",
    "CertificateNotFound",
    "CertificateRequestRefused",
    "ExternalAccountKey",
    "IssuedCertificate",
    "KeyKind",
    "PasswordIncorrect",
    "SubjectRules",
    "TrustOptions",
    "TrustServices",
    "trust_app",
]
