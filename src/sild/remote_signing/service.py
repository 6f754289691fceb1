"""The signing service: its database, and what the pages and the API before it may ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete

from sild.clock import Clock, system_clock
from sild.database import open_database
from sild.openid import OpenIDError, Person
from sild.remote_signing.authorisations import Authorisations, SigningRequest, SigningToken
from sild.remote_signing.credentials import Certify, Credential, Credentials
from sild.remote_signing.pushed import PushedSignature, SignHash
from sild.remote_signing.store import Store
from sild.remote_signing.tables import authorisation

__all__ = ["RemoteSigning"]

MIGRATIONS = Path(__file__).parent / "migrations"
KEPT = timedelta(days=1)
"""A request after its end: what was asked and said stays in the audit, the text goes."""


class RemoteSigning:
    """Blocks; any number of processes over one database. Errors are OpenIDError with OAuth's codes, Unavailable, TrustError."""

    def __init__(self, store: Store, key_password: str, certify: Certify) -> None:
        self._store = store
        self._credentials = Credentials(store, key_password, certify)
        self._authorisations = Authorisations(store, self._credentials)

    @classmethod
    def open(
        cls, url: str, *, key_password: str, certify: Certify, clock: Clock = system_clock
    ) -> RemoteSigning:
        """url: of SQLAlchemy.  key_password: of people's keys.  certify: asks the authority. Raises Unavailable."""
        return cls(Store(open_database(url, MIGRATIONS), clock), key_password, certify)

    def close(self) -> None:
        self._store.engine.dispose()

    def credential_of(self, person: Person) -> Credential:
        """Made at first use. Raises Unavailable (`not_certified`)."""
        return self._credentials.of(person)

    def credential(self, credential_id: str) -> Credential:
        """Raises OpenIDError (`invalid_request`)."""
        with self._store.change() as change:
            return self._credentials.find(change, credential_id)

    def push(self, client_id: str, redirect_uri: str, pushed: PushedSignature) -> tuple[str, int]:
        """redirect_uri: one of the client's. `request_uri` and its seconds (RFC 9126)."""
        return self._authorisations.push(client_id, redirect_uri, pushed)

    def begin(self, request_uri: str, client_id: str) -> SigningRequest:
        """The page is opened, once."""
        return self._authorisations.begin(request_uri, client_id)

    def find(self, request_id: str) -> SigningRequest:
        """What the page shows, while it waits."""
        return self._authorisations.find(request_id)

    def authorise(self, request_id: str, subject: str, *, way: str) -> tuple[SigningRequest, str]:
        """subject: who logged in for this, just now, at level high.  way: how. With the code for the client."""
        return self._authorisations.authorise(request_id, subject, way=way)

    def redeem(self, client_id: str, form: Mapping[str, str]) -> SigningToken:
        """oauth2/token. The client is known by then."""
        if form.get("grant_type") != "authorization_code":
            raise OpenIDError("grant_type is not supported", code="unsupported_grant_type")
        return self._authorisations.redeem(
            client_id, form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier")
        )

    def sign(self, token: str, wanted: SignHash) -> tuple[bytes, ...]:
        """signatures/signHash. The same again gives the same signature, while the token lives."""
        return self._authorisations.sign(token, wanted)

    def prune(self) -> None:
        """Requests that are over go, with their documents."""
        with self._store.change() as change:
            old = authorisation.c.expires_at < change.at - KEPT
            change.connection.execute(delete(authorisation).where(old))
