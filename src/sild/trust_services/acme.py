"""The ACME server of the authority (RFC 8555, RFC 8738 addresses, RFC 9773 renewal information): its options and its parts.

What is left out, and where it differs, stands in docs/acme.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography import x509
from sqlalchemy import Engine

from sild.clock import Clock
from sild.errors import CallerError
from sild.pki import CertificateProfile, PrivateKey
from sild.trust_services.acme_accounts import AcmeAccounts, ExternalAccountKey
from sild.trust_services.acme_members import ensure_names_member, known_profile
from sild.trust_services.acme_orders import AcmeOrders, Issue
from sild.trust_services.acme_store import AcmeStore
from sild.trust_services.acme_validation import Network
from sild.trust_services.store import IssuedCertificate

__all__ = ["AcmeOptions", "AcmeServer"]

NAMES_OF_ATTRIBUTES = {
    "C": "2.5.4.6",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "CN": "2.5.4.3",
    "serialNumber": "2.5.4.5",
    "businessCategory": "2.5.4.15",
    "organizationIdentifier": "2.5.4.97",
}
ORDERED = (CertificateProfile.SIGN, CertificateProfile.AUTH, CertificateProfile.TLS)


@dataclass(frozen=True, slots=True)
class AcmeOptions:
    """base_url: what clients reach this server by, without a slash at its end; every signed URL begins with it.

    external_account_required: False lets everybody who reaches the server and serves a challenge have any subject
    certified: closed test networks only.  private_networks: where challenges may be fetched beside public addresses.
    profiles: by the name that orders and X-Road's `profile_id` choose them with.  certificate_profile: X-Road's class name, as
    the central server has it for this authority: it tells what names a member in a sign certificate's subject.
    """

    base_url: str
    external_account_required: bool = True
    challenge_port: int = 80
    private_networks: tuple[Network, ...] = ()
    profiles: Mapping[str, CertificateProfile] = field(
        default_factory=lambda: {profile.name.lower(): profile for profile in ORDERED}
    )
    certificate_profile: str | None = None
    terms_of_service: str | None = None


class AcmeServer:
    """`accounts` and `orders` do the work; the rest is administration. Thread-safe.

    Raises CallerError (`bad_request`) for a certificate profile nobody knows.
    """

    def __init__(
        self,
        options: AcmeOptions,
        engine: Engine,
        authority_key: PrivateKey,
        *,
        issue: Issue,
        revoke: Callable[[int, x509.ReasonFlags | None, str], object],
        find: Callable[[int], IssuedCertificate],
        validity: timedelta,
        clock: Clock,
    ) -> None:
        self.options = options
        store = AcmeStore(engine)
        self.accounts = AcmeAccounts(
            store,
            authority_key,
            base_url=options.base_url,
            external_account_required=options.external_account_required,
            clock=clock,
        )
        self.orders = AcmeOrders(
            store,
            issue=issue,
            revoke=revoke,
            find=find,
            profiles=options.profiles,
            certificate_profile=known_profile(options.certificate_profile),
            validity=validity,
            challenge_port=options.challenge_port,
            networks=options.private_networks,
            clock=clock,
        )
        self._store = store

    def add_external_account(
        self,
        holder: str,
        *,
        subject: Mapping[str, str] | None,
        profiles: Sequence[CertificateProfile] = ORDERED[:2],
        names: Sequence[str] = (),
        actor: str = "api",
    ) -> ExternalAccountKey:
        """A key for one account of `holder`.

        subject: what a request must say, attribute by attribute (`{"serialNumber": "1234"}`; C, O, OU, CN, serialNumber,
        businessCategory, organizationIdentifier or an object identifier); for sign certificates it has to name the member by
        `certificate_profile`. None allows any, for test networks.
        profiles: what may be ordered.  names: host names and addresses that may be ordered, none meaning all.
        Raises CallerError, Unavailable.
        """
        if not profiles or not set(profiles) <= set(ORDERED):
            raise CallerError("an external account is for sign, auth or tls certificates")
        rule = None if subject is None else {_oid(name): value for name, value in subject.items()}
        if rule is not None and CertificateProfile.SIGN in profiles:
            ensure_names_member(self.options.certificate_profile, rule)
        rules: dict[str, object] = {
            "profiles": [profile.name for profile in profiles],
            "subject": rule,
            "names": [name.lower() for name in names],
        }
        return self.accounts.add_external_account(holder, rules, actor=actor)

    def remove_external_account(self, kid: str, *, actor: str = "api") -> bool:
        """Its account is refused from now on; certificates stay as they are. False when there is no such key."""
        return self.accounts.remove_external_account(kid, actor=actor)

    def account_urls(self, account_id: str) -> list[str]:
        """The orders of an account, newest first."""
        at = self.orders.now()
        return [self.url("order", order_id) for order_id in self._store.orders_of(account_id, at=at)]

    def url(self, *path: str) -> str:
        return "/".join((self.options.base_url, "acme", *path))


def _oid(name: str) -> str:
    oid = NAMES_OF_ATTRIBUTES.get(name, name)
    try:
        return x509.ObjectIdentifier(oid).dotted_string
    except ValueError as error:
        raise CallerError(f"{name!r} is no attribute of a subject") from error
