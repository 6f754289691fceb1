"""The client registry, and how a client proves itself at the token endpoint (RFC 6749 2.3, RFC 7523 3, OpenID Connect Core 9)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from urllib.parse import unquote_plus

from pydantic import TypeAdapter
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sild.errors import CallerError, PlatformError
from sild.identity_provider.limits import check_not_locked, count_failure
from sild.identity_provider.settings import ClientSettings, IdentityProviderSettings
from sild.identity_provider.store import Change, Store, hashed, new_secret
from sild.identity_provider.tables import client as client_table
from sild.identity_provider.tables import used_assertion
from sild.openid import Client, OpenIDError, check_client, parse_jwks, verify_token

__all__ = ["Clients"]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME = timedelta(hours=1)
"""The longest a client may make one count; each is remembered as long, so that none counts twice."""


class Clients:
    """Registered clients by their identifier."""

    def __init__(self, store: Store, settings: IdentityProviderSettings) -> None:
        self._store = store
        self._settings = settings

    def register(
        self, client: Client, *, secret: str | None = None, actor: str = "administrator"
    ) -> str | None:
        """Register or replace a client. Gives the secret of one that authenticates with a secret: it is shown this once.

        secret: 32 characters or more; made when there is none. Raises CallerError (`invalid_client_metadata`).
        """
        check_client(client)
        if client.jwks is not None:
            parse_jwks(_json(client.jwks))
        if client.authentication != "client_secret_basic":
            secret = None
        elif secret is None:
            secret = new_secret()
        elif len(secret) < 32:
            raise CallerError("a client secret has 32 characters or more", code="invalid_client_metadata")
        self._write(client, None if secret is None else hashed(secret), actor)
        return secret

    def apply(self, settings: ClientSettings) -> None:
        """Register what the settings say. Raises CallerError (`invalid_client_metadata`)."""
        client = settings.client
        check_client(client)
        if client.jwks is not None:
            parse_jwks(_json(client.jwks))
        self._write(client, settings.secret_sha256, "settings")

    def disable(self, client_id: str) -> None:
        """From now on nobody logs in for it and it gets no token. Raises CallerError (`invalid_client`)."""
        with self._store.change() as change:
            done = change.connection.execute(
                update(client_table)
                .where(client_table.c.client_id == client_id)
                .values(disabled_at=change.at)
            )
            if not done.rowcount:
                raise CallerError("no such client", code="invalid_client")
            change.audit("disable_client", actor="administrator", client_id=client_id)

    def find(self, client_id: str) -> Client:
        """Raises OpenIDError (`invalid_client`)."""
        return self._find(client_id)[0]

    def lookup(self, change: Change, client_id: str) -> Client:
        """`find`, inside a transaction of the caller's."""
        return self._row(change, client_id)[0]

    def _find(self, client_id: str) -> tuple[Client, str | None]:
        with self._store.change() as change:
            return self._row(change, client_id)

    def _row(self, change: Change, client_id: str) -> tuple[Client, str | None]:
        row = change.connection.execute(
            select(client_table).where(
                client_table.c.client_id == client_id, client_table.c.disabled_at.is_(None)
            )
        ).one_or_none()
        if row is None:
            raise OpenIDError("no such client", code="invalid_client")
        return _client(row.document), row.secret_hash

    def _write(self, client: Client, secret_hash: str | None, actor: str) -> None:
        values = {
            "document": json.dumps(asdict(client), ensure_ascii=False),
            "secret_hash": secret_hash,
            "disabled_at": None,
        }
        known = client_table.c.client_id == client.client_id
        with self._store.change() as change:
            found = change.connection.execute(
                update(client_table).where(known).values(**values, updated_at=change.at)
            )
            if not found.rowcount:
                change.connection.execute(
                    insert(client_table).values(client_id=client.client_id, **values, updated_at=change.at)
                )
            change.audit("register_client", actor=actor, client_id=client.client_id)

    # --- authentication

    def authenticate(self, headers: Mapping[str, str], form: Mapping[str, str], *, address: str) -> Client:
        """The client behind a request to the token, introspection or revocation endpoint, or the mandates' interface.

        Exactly one way, and the one registered: a weaker one is no way in (RFC 9700 2.5). Raises OpenIDError
        (`invalid_client`), TooMany after too many failures from one address: whoever guesses locks out only themselves.
        """
        basic = _basic(headers.get("authorization", ""))
        assertion = form.get("client_assertion")
        if basic is not None and (assertion is not None or "client_secret" in form):
            raise OpenIDError("more than one way of authentication", code="invalid_request")
        if basic is not None:
            return self._by_secret(*basic, named=form.get("client_id"), address=address)
        if assertion is not None:
            return self._by_assertion(form, assertion)
        client = self.find(form.get("client_id", ""))
        if not client.is_public or "client_secret" in form:
            raise OpenIDError("the client must authenticate as registered", code="invalid_client")
        return client

    def _by_secret(self, client_id: str, secret: str, *, named: str | None, address: str) -> Client:
        key = f"client:{client_id} {address}"
        settings = self._settings
        with self._store.change() as change:
            check_not_locked(change, key, failures=settings.lock_failures, seconds=settings.lock_seconds)
        client, expected = self._find(client_id)
        if (
            client.authentication == "client_secret_basic"
            and expected is not None
            and hmac.compare_digest(hashed(secret), expected)
            and named in (None, client_id)
        ):
            return client
        with self._store.change() as change:
            count_failure(change, key, seconds=settings.lock_seconds)
            change.audit("client_refused", actor=client_id, client_id=client_id)
        raise OpenIDError("the client's secret does not fit", code="invalid_client")

    def _by_assertion(self, form: Mapping[str, str], assertion: str) -> Client:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise OpenIDError("client_assertion_type is not known", code="invalid_client")
        client = self.find(form.get("client_id") or _subject_of(assertion))
        if client.jwks is None:
            raise OpenIDError("the client must authenticate as registered", code="invalid_client")
        issuer = self._settings.issuer
        with self._store.change() as change:
            try:
                claims = verify_token(
                    assertion,
                    parse_jwks(_json(client.jwks)),
                    issuer=client.client_id,
                    audience=(issuer, f"{issuer}/token"),
                    at=change.at,
                    token_type=None,
                    max_lifetime=ASSERTION_LIFETIME,
                )
            except PlatformError as error:
                raise OpenIDError("the client's assertion does not fit", code="invalid_client") from error
            jti = claims.get("jti")
            if claims.get("sub") != client.client_id or not isinstance(jti, str):
                raise OpenIDError("the client's assertion lacks sub or jti", code="invalid_client")
            self._use_once(change, f"{client.client_id} {jti}", change.at + 2 * ASSERTION_LIFETIME)
        return client

    def _use_once(self, change: Change, assertion: str, expires_at: datetime) -> None:
        change.connection.execute(delete(used_assertion).where(used_assertion.c.expires_at < change.at))
        try:
            with change.connection.begin_nested():
                change.connection.execute(
                    insert(used_assertion).values(assertion_hash=hashed(assertion), expires_at=expires_at)
                )
        except IntegrityError:
            raise OpenIDError("the client's assertion was used before", code="invalid_client") from None


def _client(document: str) -> Client:
    return _CLIENT.validate_json(document)


_CLIENT = TypeAdapter(Client)


def _basic(header: str) -> tuple[str, str] | None:
    """RFC 6749 2.3.1: both halves are form-encoded before base64."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OpenIDError("Authorization is malformed", code="invalid_client") from error
    if not colon:
        raise OpenIDError("Authorization is malformed", code="invalid_client")
    return unquote_plus(name), unquote_plus(secret)


def _subject_of(assertion: str) -> str:
    """Who the assertion says it is from, before anything is believed: only to find the keys to check it with."""
    try:
        part = assertion.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return str(claims["sub"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise OpenIDError("the client's assertion cannot be read", code="invalid_client") from error


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CallerError("jwks is not JSON", code="invalid_client_metadata") from error
