"""ACME's accounts and who signs a request (RFC 8555 6.2-6.5, 7.3): nonces, keys, external account bindings.

A request is believed in this order: its form, a nonce of ours, the URL it was sent to, the signature by the key it names, the
nonce not used before, an account in good standing. The nonce is spent only by who could sign: nobody else fills the table.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import OctKey

from sild.clock import Clock
from sild.errors import CallerError, Unavailable
from sild.pki import PrivateKey
from sild.telemetry import get_logger
from sild.trust_services.acme_errors import AcmeProblem
from sild.trust_services.acme_jws import (
    AcmeRequest,
    PublicKey,
    import_public_key,
    parse_binding,
    parse_inner,
    parse_request,
    verify,
)
from sild.trust_services.acme_store import Account, AcmeStore

__all__ = ["AcmeAccounts", "ExternalAccountKey", "Signed"]

log = get_logger("trust_services")

NONCE_LIFE = timedelta(hours=1)
NONCE_BYTES = 40  # time, random, MAC
MAX_CONTACTS = 8
MAILTO = re.compile(r"mailto:[^@\s,;?%]{1,64}@[A-Za-z0-9.-]{1,190}")

Signer = Literal["account", "key", "either"]


@dataclass(frozen=True, slots=True)
class ExternalAccountKey:
    """What an administrator hands to a member. mac_key: base64url, as ACME clients take it."""

    kid: str
    mac_key: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose signature, URL and nonce were right. account: None when it named its key instead.

    payload: None for POST-as-GET.
    """

    account: Account | None
    key: PublicKey
    payload: Mapping[str, object] | None

    @property
    def owner(self) -> Account:
        assert self.account is not None  # only what was signed by an account is asked for its owner
        return self.account

    def content(self) -> Mapping[str, object]:
        """Raises AcmeProblem for a POST-as-GET where an object is needed."""
        if self.payload is None:
            raise AcmeProblem("malformed", "the payload is missing")
        return self.payload


class AcmeAccounts:
    """base_url: of all the server's URLs.  authority_key: the nonces' and seals' keys are derived from it."""

    def __init__(
        self,
        store: AcmeStore,
        authority_key: PrivateKey,
        *,
        base_url: str,
        external_account_required: bool,
        clock: Clock,
    ) -> None:
        self._store = store
        self._base_url = base_url
        self._required = external_account_required
        self._clock = clock
        self._nonce_key = _derive(authority_key, b"sild acme nonces")
        self._seal = AESGCM(_derive(authority_key, b"sild acme external accounts"))

    # -- nonces

    def new_nonce(self) -> str:
        """Good for an hour and once, in every process that has the authority's key."""
        seconds = int(self._clock().timestamp())
        said = seconds.to_bytes(8) + secrets.token_bytes(16)
        return _b64(said + self._nonce_mac(said))

    def _nonce_mac(self, said: bytes) -> bytes:
        return hmac.digest(self._nonce_key, said, "sha256")[:16]

    def _nonce_until(self, nonce: object) -> datetime:
        """Raises AcmeProblem (badNonce) unless it is ours and young."""
        data = _unb64(nonce) if isinstance(nonce, str) and len(nonce) < 64 else b""
        if len(data) == NONCE_BYTES and hmac.compare_digest(data[24:], self._nonce_mac(data[:24])):
            until = datetime.fromtimestamp(int.from_bytes(data[:8]), UTC) + NONCE_LIFE
            if self._clock() <= until:
                return until
        raise AcmeProblem("badNonce", "the nonce is none of this server's, or too old")

    # -- requests

    def authenticate(self, body: bytes, url: str, signer: Signer) -> Signed:
        """url: the resource's, as this server names it.  signer: whose name the header has to bear.

        Raises AcmeProblem.
        """
        request = parse_request(body)
        until = self._nonce_until(request.nonce)
        if request.url != url:
            # else a request for one resource could be sent to another
            raise AcmeProblem("unauthorized", "the request was signed for another URL")
        account, key = self._who(request, signer)
        verify(request, key)
        if not self._store.use_nonce(str(request.nonce), at=self._clock(), until=until):
            raise AcmeProblem("badNonce", "the nonce has been used")
        if account is not None and account.status != "valid":
            raise AcmeProblem("unauthorized", f"the account is {account.status}")
        return Signed(account, key, request.payload)

    def _who(self, request: AcmeRequest, signer: Signer) -> tuple[Account | None, PublicKey]:
        has_kid, has_jwk = "kid" in request.header, "jwk" in request.header
        if has_kid == has_jwk:
            raise AcmeProblem("malformed", "the protected header must have either kid or jwk")
        if (signer == "account" and has_jwk) or (signer == "key" and has_kid):
            raise AcmeProblem("malformed", f"here the protected header has {'kid' if has_jwk else 'jwk'}")
        if has_jwk:
            return None, import_public_key(request.jwk)
        prefix = self.account_url("")
        kid = request.kid or ""
        account = self._store.account(kid.removeprefix(prefix)) if kid.startswith(prefix) else None
        if account is None:
            raise AcmeProblem("accountDoesNotExist", "kid is no account of this server")
        return account, import_public_key(dict(account.jwk))

    def account_url(self, account_id: str) -> str:
        return f"{self._base_url}/acme/account/{account_id}"

    # -- accounts

    def new_account(self, signed: Signed, url: str) -> tuple[Account, bool]:
        """The account of a key, and whether it is new. Raises AcmeProblem."""
        content = signed.content()
        thumbprint = signed.key.thumbprint()
        known = self._store.account_of_key(thumbprint)
        if known is not None:
            if known.status != "valid":
                raise AcmeProblem("unauthorized", f"the account is {known.status}")
            return known, False
        if content.get("onlyReturnExisting") is True:
            raise AcmeProblem("accountDoesNotExist", "no account has this key")
        contact = _contacts(content.get("contact", []))
        kid = self._bound(content.get("externalAccountBinding"), signed, url)
        account_id = secrets.token_hex(16)
        jwk = signed.key.as_dict(private=False)
        if not self._store.add_account(account_id, thumbprint, jwk, contact, kid, at=self._clock()):
            known = self._store.account_of_key(thumbprint)  # two requests at once
            if known is None:
                raise AcmeProblem(
                    "unauthorized", "the external account is bound to another account, or removed"
                )
            return known, False
        log.info("acme.account_created", account=account_id, external_account=kid)
        return Account(account_id, jwk, "valid", contact, kid), True

    def _bound(self, binding: object, signed: Signed, url: str) -> str | None:
        """The external account's kid, when the binding is right (7.3.4)."""
        if binding is None:
            if self._required:
                raise AcmeProblem("externalAccountRequired", "an account needs an external account binding")
            return None
        inner = parse_binding(binding)
        if inner.url != url or inner.nonce is not None or inner.kid is None or inner.jwk is not None:
            raise AcmeProblem("malformed", "the external account binding has a wrong header")
        if inner.payload is None or import_public_key(inner.payload).thumbprint() != signed.key.thumbprint():
            raise AcmeProblem("malformed", "the external account binding is of another key")
        external = self._store.external_account(inner.kid)
        if external is None or external.is_removed:
            raise AcmeProblem("unauthorized", "the external account is unknown")
        try:
            verify(inner, OctKey.import_key(self._unseal(external.kid, external.mac_key)))
        except AcmeProblem as error:
            raise AcmeProblem("unauthorized", "the external account binding has a wrong MAC") from error
        if external.account_id is not None:
            raise AcmeProblem("unauthorized", "the external account is bound to another account")
        return external.kid

    def update_account(self, signed: Signed) -> Account:
        """Contacts, or its deactivation, which is for good. Raises AcmeProblem."""
        account, content = signed.owner, signed.content()
        contact = _contacts(content["contact"]) if "contact" in content else None
        status = content.get("status")
        if status not in (None, "deactivated", "valid"):
            raise AcmeProblem("malformed", "the only status an account can be given is deactivated")
        deactivated = "deactivated" if status == "deactivated" else None
        self._store.update_account(account.id, status=deactivated, contact=contact)
        return self._store.account(account.id) or account

    def change_key(self, signed: Signed, url: str) -> Account:
        """7.3.5: the new key signs that it takes over from the old one. Raises AcmeProblem."""
        account = signed.owner
        inner = parse_inner(dict(signed.content()))
        key = import_public_key(inner.jwk)
        verify(inner, key)
        payload = inner.payload or {}
        if inner.url != url or inner.nonce is not None or inner.kid is not None:
            raise AcmeProblem("malformed", "the inner JWS has a wrong header")
        if payload.get("account") != self.account_url(account.id):
            raise AcmeProblem("malformed", "the inner JWS is for another account")
        if import_public_key(payload.get("oldKey")).thumbprint() != signed.key.thumbprint():
            raise AcmeProblem("malformed", "oldKey is not the account's key")
        thumbprint, jwk = key.thumbprint(), key.as_dict(private=False)
        if not self._store.change_key(account.id, signed.key.thumbprint(), thumbprint, jwk, at=self._clock()):
            other = self._store.account_of_key(thumbprint)
            raise AcmeProblem(
                "malformed",
                "another account has the new key",
                status=409,
                headers={"Location": self.account_url(other.id)} if other else {},
            )
        log.info("acme.key_changed", account=account.id)
        return Account(account.id, jwk, account.status, account.contact, account.kid)

    # -- administration

    def add_external_account(
        self, holder: str, rules: Mapping[str, object], *, actor: str
    ) -> ExternalAccountKey:
        """A new key for `holder`, for one account. Raises CallerError, Unavailable."""
        if not 0 < len(holder) <= 255:
            raise CallerError("an external account needs a holder")
        kid, mac_key = secrets.token_hex(12), secrets.token_bytes(32)
        nonce = secrets.token_bytes(12)
        sealed = nonce + self._seal.encrypt(nonce, mac_key, kid.encode())
        self._store.add_external_account(kid, holder, sealed, rules, at=self._clock(), actor=actor)
        return ExternalAccountKey(kid, _b64(mac_key))

    def _unseal(self, kid: str, sealed: bytes) -> bytes:
        try:
            return self._seal.decrypt(sealed[:12], sealed[12:], kid.encode())
        except InvalidTag as error:
            raise Unavailable("a key of the database was sealed by another authority") from error

    def remove_external_account(self, kid: str, *, actor: str) -> bool:
        """Refuse its account from now on; certificates stay as they are. False when there is no such key."""
        return self._store.remove_external_account(kid, at=self._clock(), actor=actor)


def _contacts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_CONTACTS:
        raise AcmeProblem("invalidContact", f"contact is a list of up to {MAX_CONTACTS}")
    for contact in value:
        if not isinstance(contact, str) or not contact.startswith("mailto:"):
            raise AcmeProblem("unsupportedContact", "contacts are mailto: addresses")
        if not MAILTO.fullmatch(contact):
            raise AcmeProblem("invalidContact", "a contact is no mail address")
    return tuple(value)


def _derive(key: PrivateKey, purpose: bytes) -> bytes:
    secret = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return HKDF(hashes.SHA256(), 32, salt=None, info=purpose).derive(secret)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    """Empty for what is no base64url."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
    return data if _b64(data) == text else b""
