"""From a request to a signature; each step once, soon, and only for who took the one before.

    pushed ──begin──▶ shown ──the holder's log-in──▶ authorised (a code) ──redeem──▶ a token ──sign──▶ signed

A row per request. Every step is one conditional update, so that of two who try at once one wins. The signature stays with the row while
the token lives: a client that lost the answer asks again and gets the same one.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, insert, select, update

from sild.openid import OpenIDError, verify_code_verifier
from sild.remote_signing.credentials import Credentials
from sild.remote_signing.pushed import PushedSignature, SignHash, verify_shown
from sild.remote_signing.store import Change, Store, hashed, new_secret
from sild.remote_signing.tables import authorisation, credential

__all__ = ["Authorisations", "SigningRequest", "SigningToken"]

URN = "urn:ietf:params:oauth:request_uri:"  # RFC 9126 2.2
TO_BEGIN = timedelta(seconds=90)
TO_DECIDE = timedelta(minutes=10)
TO_REDEEM = timedelta(seconds=60)
TO_SIGN = timedelta(minutes=5)
CLOCKS_APART = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """What the page shows. subject: who alone may say yes.  hash: hexadecimal, of what is signed."""

    id: str
    client_id: str
    subject: str
    redirect_uri: str
    state: str | None
    language: str
    name: str
    media_type: str
    document: str
    hash: str


@dataclass(frozen=True, slots=True)
class SigningToken:
    value: str
    credential_id: str
    seconds: int


class Authorisations:
    def __init__(self, store: Store, credentials: Credentials) -> None:
        self._store = store
        self._credentials = credentials

    def push(self, client_id: str, redirect_uri: str, pushed: PushedSignature) -> tuple[str, int]:
        """`request_uri` and its seconds. Raises OpenIDError (`invalid_request`)."""
        secret = new_secret()
        with self._store.change() as change:
            held = self._credentials.find(change, pushed.credential_id)
            verify_shown(pushed, held.certificates[0])
            if abs(change.at - pushed.signing_time) > CLOCKS_APART:
                raise OpenIDError("signingTime is not now")
            row = {
                "id": str(uuid4()),
                "request_hash": hashed(secret),
                "client_id": client_id,
                "credential": held.id,
                "redirect_uri": redirect_uri,
                "state": pushed.state,
                "code_challenge": pushed.code_challenge,
                "language": pushed.language,
                "hash": pushed.hash,
                "name": pushed.name,
                "media_type": pushed.media_type,
                "document": pushed.document,
                "pushed_at": change.at,
                "expires_at": change.at + TO_BEGIN,
            }
            change.connection.execute(insert(authorisation).values(**row))
            change.audit("ask", held.subject, client_id, hash=pushed.hash.hex())
        return URN + secret, int(TO_BEGIN.total_seconds())

    def begin(self, request_uri: str, client_id: str) -> SigningRequest:
        """Once. Raises OpenIDError (`invalid_request`)."""
        secret = request_uri.removeprefix(URN)
        with self._store.change() as change:
            row = self._step(
                change,
                (authorisation.c.request_hash == hashed(secret))
                & (authorisation.c.client_id == client_id)
                & authorisation.c.begun_at.is_(None),
                begun_at=change.at,
                expires_at=change.at + TO_DECIDE,
            )
            if row is None:
                raise OpenIDError("request_uri is not known, was used, or is too old")
            return self._shown(change, row)

    def find(self, request_id: str) -> SigningRequest:
        """What was begun and waits. Raises OpenIDError (`invalid_request`)."""
        with self._store.change() as change:
            row = change.connection.execute(
                select(authorisation).where(
                    authorisation.c.id == request_id,
                    authorisation.c.begun_at.is_not(None),
                    authorisation.c.authorised_at.is_(None),
                    authorisation.c.expires_at > change.at,
                )
            ).one_or_none()
            if row is None:
                raise OpenIDError("there is nothing to sign any more")
            return self._shown(change, row)

    def authorise(self, request_id: str, subject: str, *, way: str) -> tuple[SigningRequest, str]:
        """The holder's word, once, and the code of it. Raises OpenIDError (`access_denied`): somebody else, again, too late."""
        code = new_secret()
        found = self.find(request_id)
        if found.subject != subject:
            with self._store.change() as change:
                change.audit("refuse_other_person", found.subject, found.client_id)
            raise OpenIDError("somebody else logged in than who is to sign", code="access_denied")
        with self._store.change() as change:
            row = self._step(
                change,
                (authorisation.c.id == request_id)
                & authorisation.c.begun_at.is_not(None)
                & authorisation.c.authorised_at.is_(None),
                authorised_at=change.at,
                way=way,
                code_hash=hashed(code),
                expires_at=change.at + TO_REDEEM,
            )
            if row is None:
                raise OpenIDError("this was signed before, or it is too late", code="access_denied")
            change.audit("authorise", subject, row.client_id, hash=row.hash.hex(), way=way)
        return found, code

    def redeem(self, client_id: str, code: str, redirect_uri: str, verifier: str | None) -> SigningToken:
        """Raises OpenIDError (`invalid_grant`)."""
        token = new_secret()
        of_code = (authorisation.c.code_hash == hashed(code)) & (authorisation.c.client_id == client_id)
        with self._store.change() as change:
            row = change.connection.execute(select(authorisation).where(of_code)).one_or_none()
            if row is None or row.redirect_uri != redirect_uri:
                raise OpenIDError("the code is not known", code="invalid_grant")
            verify_code_verifier(row.code_challenge, verifier)
            taken = self._step(
                change,
                of_code & authorisation.c.token_hash.is_(None),
                token_hash=hashed(token),
                expires_at=change.at + TO_SIGN,
            )
            if taken is None:
                raise OpenIDError("the code was used before, or is too old", code="invalid_grant")
        return SigningToken(token, row.credential, int(TO_SIGN.total_seconds()))

    def sign(self, token: str, wanted: SignHash) -> tuple[bytes, ...]:
        """DER. Exactly what was authorised. Raises OpenIDError: `invalid_token` (unknown, too old), `invalid_request` (another hash or key)."""
        with self._store.change() as change:
            of_token = (authorisation.c.token_hash == hashed(token)) & (
                authorisation.c.expires_at > change.at
            )
            row = change.connection.execute(select(authorisation).where(of_token)).one_or_none()
        if row is None:
            raise OpenIDError("the token is not known, or is too old", code="invalid_token")
        if wanted.credential_id != row.credential:
            raise OpenIDError("the token is for another credentialID", code="invalid_request")
        if len(wanted.hashes) != 1 or not hmac.compare_digest(wanted.hashes[0], row.hash):
            with self._store.change() as change:
                change.audit("refuse_other_hash", None, row.client_id, hash=row.hash.hex())
            raise OpenIDError("the hash is not the one that was authorised", code="invalid_request")
        return (row.signature or self._signed(row),)

    def _signed(self, row: Row[Any]) -> bytes:
        signature = self._credentials.sign(row.credential, row.hash)
        with self._store.change() as change:
            mine = update(authorisation).where(
                authorisation.c.id == row.id, authorisation.c.signature.is_(None)
            )
            if change.connection.execute(mine.values(signature=signature)).rowcount:
                change.audit("sign", None, row.client_id, hash=row.hash.hex())
                return signature
            kept = select(authorisation.c.signature).where(authorisation.c.id == row.id)
            return bytes(change.connection.scalar(kept) or b"")  # of another, at the same moment

    def _step(
        self, change: Change, which: Any, **values: object
    ) -> Row[Any] | None:  # which: an SQL condition
        """The row, if it could take this step."""
        step = (
            update(authorisation)
            .where(which, authorisation.c.expires_at > change.at)
            .values(**values)
            .returning(authorisation)
        )
        return change.connection.execute(step).one_or_none()

    def _shown(self, change: Change, row: Row[Any]) -> SigningRequest:
        subject = change.connection.scalar(
            select(credential.c.subject).where(credential.c.id == row.credential)
        )
        return SigningRequest(
            id=row.id,
            client_id=row.client_id,
            subject=str(subject),
            redirect_uri=row.redirect_uri,
            state=row.state,
            language=row.language,
            name=row.name,
            media_type=row.media_type,
            document=row.document,
            hash=base64.b16encode(row.hash).decode().lower(),
        )
