"""One authority's ACME server, spoken to by certbot's `acme` library (ADR 0016). Everything here blocks: call from a thread.

What the library raises is translated here: refusals of the authority carry its own words, and say what to do next.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from josepy.b64 import b64encode
from josepy.errors import DeserializationError
from josepy.interfaces import JSONDeSerializable
from josepy.json_util import field
from josepy.jwa import ES256
from josepy.jwk import JWK

from sild.acme_client.configuration import ExternalAccount
from sild.acme_client.errors import AcmeRefusal, AcmeUnavailable
from sild.errors import PeerError
from sild.telemetry import get_logger

__all__ = ["AcmeConnection", "OrderGone", "certificate_id"]

log = get_logger("acme_client")

USER_AGENT = "Sild"
REQUEST_SECONDS = 20
PASSING = frozenset({"badNonce", "rateLimited", "serverInternal"})
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,200}")

Publish = Callable[[str, str], None]


class OrderGone(Exception):
    """The authority knows an earlier order no more, or has given it up: a new one is needed."""


class RedirectedElsewhere(requests.RequestException):
    """The authority sends us to another host: what is signed for it, and what it is trusted for, is no other's."""


class _Session(requests.Session):
    """Nothing but the settings says how the authority is reached: no proxy, password or authority of the environment."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None:
            before, after = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
            if before[:2] != after[:2]:
                resp.close()
                raise RedirectedElsewhere(
                    f"redirected from {before.netloc} to {after.scheme}://{after.netloc}"
                )
        return target


class _NewOrder(messages.NewOrder):
    """With the certificate it renews (RFC 9773 5), which the library does not know yet."""

    replaces: str | None = field("replaces", omitempty=True)


@dataclass(frozen=True, slots=True)
class RenewalWindow:
    start: datetime
    end: datetime
    ask_again_at: datetime


class AcmeConnection:
    """directory_url: of the global configuration.  ca_certificates: PEM file for https, None for the system's authorities.

    Raises AcmeUnavailable, AcmeRefusal, PeerError everywhere.
    """

    def __init__(self, directory_url: str, *, ca_certificates: Path | None) -> None:
        self._net = client.ClientNetwork(alg=ES256, user_agent=USER_AGENT, timeout=REQUEST_SECONDS)
        self._net.session = _Session()
        if not directory_url.startswith("https:"):
            log.warning(
                "acme.directory_without_tls", directory=directory_url
            )  # an authority nobody has proven
        if ca_certificates is not None:
            self._net.verify_ssl = str(ca_certificates)  # type: ignore[assignment] # passed on to requests as it is
        try:
            with _speaking("acme.fetching_metadata_error", f"the ACME server {directory_url} cannot be read"):
                directory = client.ClientV2.get_directory(directory_url, self._net)
                self._acme = client.ClientV2(directory, self._net)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._net.session.close()

    # -- account

    def open_account(
        self, key: JWK, url: str | None, external: ExternalAccount | None, contact: str | None
    ) -> str:
        """Use the account of `key`, made now if the authority has none. Its URL."""
        self._net.key = key
        if url is None:
            hint = "" if contact else " (no contact is told: the member's address belongs into mail.yml)"
            with _speaking("acme.account_creation_failure", f"the authority opens no account{hint}"):
                url = self._new_account(key, external, contact)
        self._net.account = messages.RegistrationResource(body=messages.Registration(), uri=url)
        return url

    def _new_account(self, key: JWK, external: ExternalAccount | None, contact: str | None) -> str:
        wanted: dict[str, Any] = {"terms_of_service_agreed": True}
        if contact is not None:
            wanted["email"] = contact
        if self._acme.external_account_required():
            if external is None:
                raise AcmeRefusal(
                    "the authority wants an external account: ask it for a kid and a mac-key for this member, and put them"
                    " into acme.yml under its name",
                    code="acme.eab_credentials_missing",
                )
            wanted["external_account_binding"] = messages.ExternalAccountBinding.from_data(
                key.public_key(), external.kid, external.mac_key, self._acme.directory
            )
        try:
            registered = self._acme.new_account(messages.NewRegistration.from_data(**wanted))
        except errors.ConflictError as error:  # the account is there: its URL had not been written down
            return str(error.location)
        return str(registered.uri)

    # -- orders

    def begin_order(self, dns_name: str, *, profile: str | None, replaces: str | None) -> str:
        """A new order for one name. Its URL."""
        with _speaking("acme.order_creation_failure", f"the authority takes no order for {dns_name}"):
            try:
                return self._new_order(dns_name, profile, replaces if self._has_renewal_info() else None)
            except errors.ConflictError:  # another order replaces that certificate already (RFC 9773 7.4)
                return self._new_order(dns_name, profile, None)

    def _new_order(self, dns_name: str, profile: str | None, replaces: str | None) -> str:
        order = _NewOrder(
            identifiers=[messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=dns_name)],
            profile=profile if profile in self._profiles() else "",
            replaces=replaces,
        )
        return str(self._post(self._acme.directory["newOrder"], order).headers["Location"])

    def finish_order(
        self,
        url: str,
        request: bytes,
        *,
        publish: Publish,
        profile: str | None,
        deadline: datetime,
    ) -> bytes:
        """Prove the name, hand in the request (DER), fetch the certificate: its chain, PEM. Goes on where it was left.

        publish: called with a token and what has to stand behind it.  profile: X-Road's certificate profile id.
        Raises OrderGone as well.
        """
        order = self._order(url)
        with _speaking("acme.authorization_failure", "the authority does not accept the proof of the name"):
            for authorization in order.authorizations:
                if authorization.body.status == messages.STATUS_PENDING:
                    self._answer(authorization, publish)
            if order.body.status == messages.STATUS_PENDING:
                self._acme.poll_authorizations(order, _local(deadline))
                order = self._until_ready(url, deadline)
        if profile is not None:
            # how X-Road tells an authority which kind of certificate is wanted (UG-SS 24)
            self._net.user_agent = f"profile_id={profile} {USER_AGENT}"
        with _speaking("acme.order_finalization_failure", "the authority refuses the certificate request"):
            pem = x509.load_der_x509_csr(request).public_bytes(Encoding.PEM)
            order = order.update(csr_pem=pem)
            if order.body.status == messages.STATUS_READY:
                order = self._acme.begin_finalization(order).update(uri=url)
        with _speaking("acme.certificate_failure", "the authority issues no certificate"):
            if order.body.status == messages.STATUS_VALID and order.body.certificate:
                return self._post(order.body.certificate, None).content
            return self._acme.poll_finalization(order, _local(deadline)).fullchain_pem.encode()

    def _order(self, url: str) -> messages.OrderResource:
        try:
            with _speaking("acme.order_creation_failure", "the order cannot be read"):
                body = messages.Order.from_json(self._post(url, None).json())
                authorizations = [self._authorization(at) for at in body.authorizations]
        except AcmeRefusal as error:
            raise OrderGone from error
        if body.status == messages.STATUS_INVALID:
            raise OrderGone
        return messages.OrderResource(body=body, uri=url, authorizations=authorizations)

    def _authorization(self, url: str) -> messages.AuthorizationResource:
        body = messages.Authorization.from_json(self._post(url, None).json())
        return messages.AuthorizationResource(body=body, uri=url)

    def _until_ready(self, url: str, deadline: datetime) -> messages.OrderResource:
        """Some authorities need a moment between the last valid authorization and a ready order."""
        while True:
            order = self._order(url)
            if order.body.status != messages.STATUS_PENDING:
                return order
            if datetime.now(UTC) >= deadline:
                raise errors.TimeoutError
            time.sleep(0.5)

    def _answer(self, authorization: messages.AuthorizationResource, publish: Publish) -> None:
        for challenge in authorization.body.challenges:
            if isinstance(challenge.chall, challenges.HTTP01):
                token = challenge.chall.encode("token")
                if not TOKEN.fullmatch(token):
                    raise PeerError(
                        "the authority's challenge has an unreadable token",
                        code="acme.http_challenge_missing",
                    )
                response, content = challenge.response_and_validation(self._net.key)
                publish(token, content)
                self._acme.answer_challenge(challenge, response)
                return
        raise AcmeRefusal(
            "the authority offers no http-01 challenge: it has to be configured there",
            code="acme.http_challenge_missing",
        )

    # -- renewal

    def renewal_window(self, certificate: x509.Certificate) -> RenewalWindow | None:
        """When the authority wants it renewed (RFC 9773); None where it does not say. Needs no account."""
        identifier = certificate_id(certificate)
        if not self._has_renewal_info() or identifier is None:
            return None
        with _speaking("acme.fetching_renewal_info_failure", "the authority does not say when to renew"):
            response = self._net.get(f"{self._acme.directory['renewalInfo']}/{identifier}")
            window = messages.RenewalInfo.from_json(response.json()).suggested_window
            again = client.ClientV2.retry_after(response, 6 * 3600).astimezone(UTC)
            now = datetime.now(UTC)
            bounded = min(max(again, now + timedelta(minutes=1)), now + timedelta(days=1))
            if window.end < window.start:
                raise PeerError("the window ends before it starts", code="acme.fetching_renewal_info_failure")
            return RenewalWindow(window.start, window.end, bounded)

    def _has_renewal_info(self) -> bool:
        return "renewalInfo" in self._acme.directory.to_partial_json()

    def _profiles(self) -> dict[str, str]:
        meta = getattr(self._acme.directory, "meta", None)
        return getattr(meta, "profiles", None) or {}

    def _post(self, url: str, body: JSONDeSerializable | None) -> requests.Response:
        """body: None for POST-as-GET."""
        return self._net.post(url, body, new_nonce_url=self._acme.directory["newNonce"])


def certificate_id(certificate: x509.Certificate) -> str | None:
    """RFC 9773 4.1: authority key identifier and serial number; None for a certificate without the former."""
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.AuthorityKeyIdentifier
        ).value.key_identifier
    except x509.ExtensionNotFound:
        return None
    if found is None:
        return None
    serial = certificate.serial_number
    parts = (found, serial.to_bytes(serial.bit_length() // 8 + 1))
    return ".".join(b64encode(part).decode() for part in parts)


def _local(deadline: datetime) -> datetime:
    """The library compares with local times that name no zone."""
    return deadline.astimezone().replace(tzinfo=None)


@contextmanager
def _speaking(code: str, what: str) -> Iterator[None]:
    """Translate what the library raises."""
    try:
        yield
    except errors.ValidationError as error:
        said = "; ".join(
            f"{authorization.body.identifier.value}: {challenge.error.detail or challenge.error}"
            for authorization in error.failed_authzrs
            for challenge in authorization.body.challenges
            if challenge.error is not None
        )
        raise AcmeRefusal(
            f"{what}: {said}. Its challenge comes to port 80 of this name: see that the name leads here, that acme.challenge_port"
            " listens and that the firewall lets the authority through",
            code=code,
        ) from error
    except errors.IssuanceError as error:
        raise AcmeRefusal(f"{what}: {_said(error.error)}", code=code) from error
    except messages.Error as error:
        if error.code in PASSING:
            raise AcmeUnavailable(f"{what}: {_said(error)}", code=code) from error
        raise AcmeRefusal(f"{what}: {_said(error)}", code=code, problem=str(error.typ)) from error
    except errors.TimeoutError as error:
        raise AcmeUnavailable(f"{what}: it took too long", code=code) from error
    except (requests.RequestException, errors.NonceError) as error:
        raise AcmeUnavailable(f"{what}: {type(error).__name__}", code=code) from error
    except errors.ClientError as error:
        raise AcmeUnavailable(f"{what}: an answer that is none of ACME's", code=code) from error
    except (
        DeserializationError,
        errors.Error,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:
        raise PeerError(
            f"{what}: an answer that is none of ACME's ({type(error).__name__})", code=code
        ) from error


def _said(error: messages.Error) -> str:
    return f"{error.detail or error.description or error.typ} ({error.code or error.typ})"
