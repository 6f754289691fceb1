"""Account keys: one for each authority and account name, encrypted in the database behind one password (RFC 7292).

The password is `account-keystore-password` of acme.yml, as with X-Road; without one a random password is made and kept in a
file of its own, for its owner alone. Several servers on one database need the same one in their acme.yml.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from josepy.jwk import JWKEC

from sild.acme_client.errors import AcmeRefusal
from sild.acme_client.store import Store
from sild.errors import Unavailable
from sild.pki import encrypt_key
from sild.private_files import write_private

__all__ = ["AccountKeys"]

KDF_ROUNDS = 100_000


class AccountKeys:
    """password: None to make one. Its methods block."""

    def __init__(self, store: Store, directory: Path, password: str | None) -> None:
        self._store = store
        self._file = directory / "acme-account-keystore-password"
        self._password = password

    def key(self, directory_url: str, alias: str) -> tuple[JWKEC, str | None]:
        """The account's key, made now if there is none, and its URL if the authority knows it.

        Raises AcmeRefusal (`acme.account_key_pair_error`: another password), Unavailable.
        """
        found = self._store.account(directory_url, alias)
        if found is None:
            self._store.add_account(directory_url, alias, self._seal(ec.generate_private_key(ec.SECP256R1())))
            found = self._store.account(directory_url, alias)
        assert found is not None  # nothing removes an account
        return JWKEC(key=self._open(found[0])), found[1]

    def set_url(self, directory_url: str, alias: str, url: str | None) -> None:
        self._store.set_account_url(directory_url, alias, url)

    def _seal(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        return encrypt_key(key, self._secret(), rounds=KDF_ROUNDS, name="acme account")

    def _open(self, sealed: bytes) -> ec.EllipticCurvePrivateKey:
        try:
            key, _, _ = pkcs12.load_key_and_certificates(sealed, self._secret())
        except ValueError:
            key = None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AcmeRefusal(
                "the key of the ACME account does not open: give the account-keystore-password it was made with in acme.yml",
                code="acme.account_key_pair_error",
            )
        return key

    def _secret(self) -> bytes:
        if self._password is None:
            self._password = self._kept_password()
        return self._password.encode()

    def _kept_password(self) -> str:
        """Of several processes that need one at the same time, all get the same."""
        try:
            write_private(self._file, secrets.token_urlsafe(24).encode(), replace=False)
            return self._file.read_text()
        except OSError as error:
            raise Unavailable(
                f"{self._file}: {error.strerror}", code="acme.account_key_pair_error"
            ) from error
