"""ACME's orders (RFC 8555 7.1.3-7.5, 8; RFC 9773): from identifiers to a certificate.

    order          pending -> ready -> processing -> valid          any of the first three -> invalid
    authorization  pending -> valid                                 pending -> invalid; pending, valid -> deactivated

A challenge is answered while the client waits, so nothing stays half done when the process ends: the authorization is
still pending. An order that was being finalized then is invalid after `PROCESSING_SECONDS`.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from cryptography import x509

from sild.clock import Clock
from sild.pki import Certificate, CertificateProfile
from sild.telemetry import get_logger
from sild.trust_services.acme_accounts import Signed
from sild.trust_services.acme_errors import AcmeProblem
from sild.trust_services.acme_jws import PublicKey
from sild.trust_services.acme_members import ensure_same_member
from sild.trust_services.acme_slots import ValidationSlots
from sild.trust_services.acme_store import Account, AcmeStore, Authorization, Order
from sild.trust_services.acme_validation import Network, fetch_challenge
from sild.trust_services.certification import CertificateRequest, read_certificate_request
from sild.trust_services.errors import CertificateNotFound, CertificateRequestRefused
from sild.trust_services.store import IssuedCertificate

__all__ = ["AcmeOrders", "Issue", "certificate_id"]

log = get_logger("trust_services")

ORDER_LIFE = timedelta(days=1)
PROCESSING_SECONDS = 60
MAX_IDENTIFIERS = 10
MAX_OPEN_ORDERS = 50
DNS_NAME = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
PROFILE_ID = re.compile(r"(?:^|\s)profile_id=(\S+)")
REASONS = {
    0: x509.ReasonFlags.unspecified,
    1: x509.ReasonFlags.key_compromise,
    3: x509.ReasonFlags.affiliation_changed,
    4: x509.ReasonFlags.superseded,
    5: x509.ReasonFlags.cessation_of_operation,
    9: x509.ReasonFlags.privilege_withdrawn,
}
"""RFC 5280 5.3.1: what the holder of a certificate may say of it."""


class Issue(Protocol):
    def __call__(
        self,
        request: bytes,
        profile: CertificateProfile,
        *,
        actor: str,
        dns_names: Sequence[str] | None,
        validity: timedelta | None,
    ) -> Certificate: ...


class AcmeOrders:
    """issue, revoke, find: the authority's.  profiles: by the name orders and `profile_id` have.

    validity: of certificates, unless an order asks for less.  networks: private ones where challenges may be fetched.
    certificate_profile: X-Road's, of the authority's sign certificates.
    """

    def __init__(
        self,
        store: AcmeStore,
        *,
        issue: Issue,
        revoke: Callable[[int, x509.ReasonFlags | None, str], object],
        find: Callable[[int], IssuedCertificate],
        profiles: Mapping[str, CertificateProfile],
        certificate_profile: str | None,
        validity: timedelta,
        challenge_port: int,
        networks: Sequence[Network],
        clock: Clock,
    ) -> None:
        self._store = store
        self._issue = issue
        self._revoke = revoke
        self._find = find
        self._profiles = profiles
        self._certificate_profile = certificate_profile
        self._validity = validity
        self._challenge_port = challenge_port
        self._networks = networks
        self._clock = clock
        self._slots = ValidationSlots()

    def now(self) -> datetime:
        return self._clock()

    # -- orders

    def new_order(self, signed: Signed) -> Order:
        """Raises AcmeProblem."""
        account, content, at = signed.owner, signed.content(), self._clock()
        identifiers = _identifiers(content.get("identifiers"))
        self._ensure_names(account, [value for _, value in identifiers])
        profile = self._profile_name(account, content.get("profile"))
        replaces = self._replaced(account, content.get("replaces"))
        if self._store.count_open_orders(account.id, at=at) >= MAX_OPEN_ORDERS:
            raise AcmeProblem(
                "rateLimited",
                f"{MAX_OPEN_ORDERS} orders of the account are open",
                headers={"Retry-After": "3600"},
            )
        not_after = self._not_after(content, at)
        order_id, expires = secrets.token_hex(16), min(at + ORDER_LIFE, not_after or at + ORDER_LIFE)
        authorizations = tuple(
            Authorization(
                id=secrets.token_hex(16), order_id=order_id, account_id=account.id, type=kind, value=value,
                status="pending", token=secrets.token_urlsafe(32), expires=expires, validated_at=None, problem=None,
            )
            for kind, value in sorted(identifiers)
        )  # fmt: skip
        order = Order(
            id=order_id, account_id=account.id, status="pending", profile=profile,
            not_after=not_after, replaces=replaces, expires=expires, processing_since=None,
            serial_number=None, problem=None, authorizations=authorizations,
        )  # fmt: skip
        self._store.add_order(order, at=at)
        log.info("acme.order_created", order=order_id, account=account.id, identifiers=len(identifiers))
        return order

    def _not_after(self, content: Mapping[str, object], at: datetime) -> datetime | None:
        if content.get("notBefore") is not None:
            raise AcmeProblem(
                "malformed", "certificates begin when they are issued: notBefore is not supported"
            )
        wanted = content.get("notAfter")
        if wanted is None:
            return None
        try:
            not_after = datetime.fromisoformat(str(wanted))
        except ValueError as error:
            raise AcmeProblem("malformed", "notAfter is no time of RFC 3339") from error
        if not_after.tzinfo is None or not_after <= at:
            raise AcmeProblem("malformed", "notAfter is no time of RFC 3339 to come")
        return min(not_after, at + self._validity)

    def _rules(self, account: Account) -> Mapping[str, object]:
        external = None if account.kid is None else self._store.external_account(account.kid)
        return {} if external is None else external.rules

    def _ensure_names(self, account: Account, names: Sequence[str]) -> None:
        allowed = self._rules(account).get("names")
        for name in names:
            if isinstance(allowed, list) and allowed and name not in allowed:
                raise AcmeProblem(
                    "rejectedIdentifier", f"{name} is not one of the names of this external account"
                )

    def _profile_name(self, account: Account, wanted: object) -> str | None:
        if wanted is None or wanted == "":
            return None
        if not isinstance(wanted, str) or wanted not in self._profiles:
            raise AcmeProblem("invalidProfile", "there is no such certificate profile")
        self._ensure_profile(account, self._profiles[wanted])
        return wanted

    def _ensure_profile(self, account: Account, profile: CertificateProfile) -> None:
        allowed = self._rules(account).get("profiles")
        if isinstance(allowed, list) and profile.name not in allowed:
            raise AcmeProblem("unauthorized", f"the external account is not for {profile.name} certificates")

    def _replaced(self, account: Account, wanted: object) -> str | None:
        """RFC 9773 5: hexadecimal serial number of the certificate an order renews."""
        if wanted is None:
            return None
        serial_number = serial_of_certificate_id(wanted)
        owner = None if serial_number is None else self._store.account_of_certificate(f"{serial_number:x}")
        if serial_number is None or owner != account.id:
            raise AcmeProblem("malformed", "replaces names no certificate of this account")
        if self._store.has_replacement(f"{serial_number:x}"):
            raise AcmeProblem("alreadyReplaced", "another order renews this certificate")
        return f"{serial_number:x}"

    def order(self, account: Account, order_id: str) -> Order:
        """As it stands now: what expired or was left behind is invalid. Raises AcmeProblem (unauthorized)."""
        found = self._store.order(order_id)
        if found is None or found.account_id != account.id:
            # the same for what is not there: who guesses learns nothing
            raise AcmeProblem("unauthorized", "the account has no such order", status=404)
        at = self._clock()
        if found.status in ("pending", "ready") and found.expires < at:
            problem = AcmeProblem("malformed", "the order has expired").document()
            self._store.move_order(found.id, found.status, "invalid", problem=problem)
            return replace(found, status="invalid", problem=problem)
        since = found.processing_since
        if (
            found.status == "processing"
            and since is not None
            and since + timedelta(seconds=PROCESSING_SECONDS) < at
        ):
            problem = AcmeProblem("serverInternal", "the order was left unfinished; order again").document()
            self._store.move_order(found.id, "processing", "invalid", problem=problem)
            return replace(found, status="invalid", problem=problem)
        return found

    # -- authorizations

    def authorization(self, account: Account, authorization_id: str) -> Authorization:
        """Raises AcmeProblem (unauthorized)."""
        found = self._store.authorization(authorization_id)
        if found is None or found.account_id != account.id:
            raise AcmeProblem("unauthorized", "the account has no such authorization", status=404)
        if found.status == "pending" and found.expires < self._clock():
            return replace(found, status="expired")
        return found

    def deactivate(
        self, account: Account, authorization_id: str, content: Mapping[str, object]
    ) -> Authorization:
        """7.5.2. Raises AcmeProblem."""
        found = self.authorization(account, authorization_id)
        if content.get("status") != "deactivated":
            raise AcmeProblem("malformed", "the only status an authorization can be given is deactivated")
        problem = AcmeProblem("unauthorized", "an authorization was given up").document()
        self._store.decide(found, "deactivated", at=self._clock(), problem=problem)
        return self.authorization(account, authorization_id)

    async def answer_challenge(self, signed: Signed, authorization_id: str) -> Authorization:
        """Validate now; the answer tells the result.

        Raises AcmeProblem for what is no challenge of the account, and `rateLimited`, which decides nothing.
        """
        found = await asyncio.to_thread(self.authorization, signed.owner, authorization_id)
        if signed.payload is None or found.status != "pending":
            return found
        expected = f"{found.token}.{signed.key.thumbprint()}".encode()
        async with self._slots.one(signed.owner.id):
            status, problem = await self._validate(found, expected)
        await asyncio.to_thread(self._store.decide, found, status, at=self._clock(), problem=problem)
        return await asyncio.to_thread(self.authorization, signed.owner, authorization_id)

    async def _validate(
        self, found: Authorization, expected: bytes
    ) -> tuple[str, Mapping[str, object] | None]:
        """valid, or invalid and why."""
        try:
            body = await fetch_challenge(
                found.value, found.token, port=self._challenge_port, networks=self._networks
            )
            if not hmac.compare_digest(body, expected):
                raise AcmeProblem("incorrectResponse", f"{found.value} serves another key authorization")
        except AcmeProblem as error:
            log.refusal("acme.challenge_failed", error, account=found.account_id, order=found.order_id)
            return "invalid", error.document()
        return "valid", None

    # -- finalizing

    def finalize(self, signed: Signed, order_id: str, user_agent: str) -> Order:
        """Check the certificate request and issue. user_agent: X-Road's `profile_id=...` may stand in it.

        Raises AcmeProblem.
        """
        account = signed.owner
        order = self.order(account, order_id)
        if order.status != "ready":
            raise AcmeProblem("orderNotReady", f"the order is {order.status}")
        csr = _csr(signed.content().get("csr"))
        try:
            request = read_certificate_request(csr)
        except CertificateRequestRefused as error:
            raise AcmeProblem("badCSR", error.message) from error
        names = tuple(authorization.value for authorization in order.authorizations)
        self._check_request(account, signed.key, request, names)
        profile = self._profile(account, order, csr, user_agent)
        self._check_subject(account, profile, request.subject)
        at = self._clock()
        if not self._store.move_order(order.id, "ready", "processing", processing_since=at):
            raise AcmeProblem("orderNotReady", "the order is being finalized")
        try:
            issued = self._issue(
                csr,
                profile,
                actor=f"acme:{account.id}",
                dns_names=names,
                validity=None if order.not_after is None else order.not_after - at,
            )
        except CertificateRequestRefused as error:
            problem = AcmeProblem("badCSR", error.message)
            # RFC 8555 7.4: a request that was wrong may be mended, the order stays
            self._store.move_order(order.id, "processing", "ready")
            raise problem from error
        serial_number = f"{issued.serial_number:x}"
        self._store.move_order(order.id, "processing", "valid", serial_number=serial_number)
        log.info(
            "acme.issued",
            order=order.id,
            account=account.id,
            serial_number=serial_number,
            profile=profile.name,
        )
        return self.order(account, order_id)

    def _check_request(
        self, account: Account, account_key: PublicKey, request: CertificateRequest, names: Sequence[str]
    ) -> None:
        asked = {_canonical(name) for name in request.dns_names}
        if not asked:
            common = request.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
            asked = {str(attribute.value).lower() for attribute in common}
        if asked != set(names):
            raise AcmeProblem("badCSR", "the names of the certificate request are not those of the order")
        if request.public_key == account_key.raw_value:
            raise AcmeProblem("badCSR", "an account's key is not to be certified")

    def _check_subject(self, account: Account, profile: CertificateProfile, requested: x509.Name) -> None:
        """Who may speak for which member is decided by who gave out the key, not by who asks."""
        subject = self._rules(account).get("subject")
        if not isinstance(subject, dict):
            return
        is_sign = profile is CertificateProfile.SIGN
        for oid, value in subject.items():
            values = [each.value for each in requested.get_attributes_for_oid(x509.ObjectIdentifier(oid))]
            # X-Road's requests for authentication certificates leave the member class out
            if values != [value] and (values or is_sign):
                raise AcmeProblem("unauthorized", f"the external account is for another subject ({oid})")
        if is_sign:
            ensure_same_member(self._certificate_profile, subject, requested)

    def _profile(self, account: Account, order: Order, csr: bytes, user_agent: str) -> CertificateProfile:
        """By the order, else by X-Road's header, else by the external account, else by the request's own key usage."""
        named = PROFILE_ID.search(user_agent)
        allowed = self._rules(account).get("profiles")
        if order.profile is not None:
            profile = self._profiles[order.profile]
        elif named is not None:
            if named[1] not in self._profiles:
                raise AcmeProblem("invalidProfile", "there is no such certificate profile")
            profile = self._profiles[named[1]]
        elif isinstance(allowed, list) and len(allowed) == 1:
            profile = CertificateProfile[allowed[0]]
        else:
            profile = CertificateProfile.SIGN if _asks_to_sign(csr) else CertificateProfile.AUTH
        self._ensure_profile(account, profile)
        return profile

    # -- certificates

    def certificate(self, account: Account, serial_number: str) -> IssuedCertificate:
        """Raises AcmeProblem (unauthorized): not there, or another account's."""
        if self._store.account_of_certificate(serial_number) != account.id:
            raise AcmeProblem("unauthorized", "the account has no such certificate", status=404)
        return self._find(int(serial_number, 16))

    def revoke_certificate(self, signed: Signed) -> None:
        """7.6: by the account that ordered it, or by its own key. Raises AcmeProblem."""
        content = signed.content()
        try:
            certificate = x509.load_der_x509_certificate(_decoded(content.get("certificate")))
            issued = self._find(certificate.serial_number)
        except (ValueError, CertificateNotFound) as error:
            raise AcmeProblem(
                "malformed", "the certificate cannot be read, or is not of this authority"
            ) from error
        if issued.der != _decoded(content.get("certificate")):
            raise AcmeProblem("malformed", "the certificate is not of this authority")
        if signed.account is not None:
            allowed = self._store.account_of_certificate(f"{issued.serial_number:x}") == signed.account.id
        else:
            allowed = certificate.public_key() == signed.key.raw_value
        if not allowed:
            raise AcmeProblem("unauthorized", "only who ordered a certificate, or has its key, may revoke it")
        code = content.get("reason", 0)
        if isinstance(code, bool) or not isinstance(code, int) or code not in REASONS:
            raise AcmeProblem("badRevocationReason", f"reasons are {', '.join(map(str, REASONS))}")
        if issued.revoked is not None:
            raise AcmeProblem("alreadyRevoked", "the certificate is revoked already")
        actor = "acme:key" if signed.account is None else f"acme:{signed.account.id}"
        self._revoke(issued.serial_number, REASONS[code], actor)

    def renewal_window(self, wanted: str) -> tuple[datetime, datetime]:
        """RFC 9773 4: when to renew. From two thirds of its life on; a revoked certificate at once.

        Raises AcmeProblem (malformed).
        """
        serial_number = serial_of_certificate_id(wanted)
        try:
            if serial_number is None:
                raise CertificateNotFound("no certificate")
            issued = self._find(serial_number)
        except CertificateNotFound as error:
            raise AcmeProblem("malformed", "no such certificate was issued here", status=404) from error
        if certificate_id(x509.load_der_x509_certificate(issued.der)) != wanted:
            raise AcmeProblem("malformed", "no such certificate was issued here", status=404)
        life = issued.not_after - issued.not_before
        if issued.revoked is not None:
            return issued.revoked.at - timedelta(hours=1), issued.revoked.at
        start = issued.not_before + life * 2 / 3
        return start, start + life / 12


def certificate_id(certificate: x509.Certificate) -> str:
    """RFC 9773 4.1: authority key identifier and serial number. Empty for a certificate without the former."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return ""
    serial = certificate.serial_number
    return (
        f"{_b64(extension.value.key_identifier or b'')}.{_b64(serial.to_bytes(serial.bit_length() // 8 + 1))}"
    )


def serial_of_certificate_id(wanted: object) -> int | None:
    if not isinstance(wanted, str) or len(wanted) > 100 or wanted.count(".") != 1:
        return None
    try:
        return int.from_bytes(_decoded(wanted.partition(".")[2]))
    except AcmeProblem:
        return None


def _identifiers(value: object) -> set[tuple[str, str]]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_IDENTIFIERS:
        raise AcmeProblem("malformed", f"an order has 1 to {MAX_IDENTIFIERS} identifiers")
    return {_identifier(item) for item in value}


def _identifier(item: object) -> tuple[str, str]:
    kind = item.get("type") if isinstance(item, dict) else None
    value = item.get("value") if isinstance(item, dict) else None
    if not isinstance(value, str) or kind not in ("dns", "ip"):
        raise AcmeProblem("unsupportedIdentifier", "identifiers are of type dns or ip")
    if kind == "ip":
        try:
            address = ipaddress.ip_address(value)
        except ValueError as error:
            raise AcmeProblem("malformed", "an identifier of type ip is no address") from error
        if "%" in value:
            raise AcmeProblem("malformed", "an identifier of type ip has no zone")
        return kind, str(address)
    name = value.lower()
    if name.startswith("*."):
        raise AcmeProblem("rejectedIdentifier", "http-01 proves no wildcards")
    if len(name) > 253 or not DNS_NAME.fullmatch(name) or name.rpartition(".")[2].isdigit():
        raise AcmeProblem("malformed", "an identifier of type dns is no host name")
    return "dns", name


def _canonical(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower()


def _csr(value: object) -> bytes:
    try:
        return _decoded(value)
    except AcmeProblem as error:
        raise AcmeProblem("badCSR", "csr is no base64url text") from error


def _asks_to_sign(csr: bytes) -> bool:
    try:
        usage = x509.load_der_x509_csr(csr).extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return usage.content_commitment


def _decoded(value: object) -> bytes:
    """Strict base64url without padding. Raises AcmeProblem (malformed)."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise AcmeProblem("malformed", "a value is no base64url text")
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError as error:
        raise AcmeProblem("malformed", "a value is no base64url text") from error


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
