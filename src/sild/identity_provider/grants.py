"""From a finished log-in to tokens: grants, single-use codes, access, identity and refresh tokens (RFC 6749 4.1, RFC 9700 2.1, 4.14).

A grant is what one client got out of one session, for one representee or for the person alone. A code or a refresh token
used a second time revokes it: one of the two users is a thief, and nobody can say which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import insert, select, update

from sild.clock import Clock
from sild.errors import TrustError, Unavailable
from sild.identity_provider.keys import SigningKeys
from sild.identity_provider.mandates import Mandates
from sild.identity_provider.sessions import Session, Sessions
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.store import Change, Store, hashed, new_id, new_secret
from sild.identity_provider.tables import (
    authorization_code,
    refresh_token,
    token_grant,
    token_grant_mandate,
)
from sild.openid import (
    ACCESS_TOKEN,
    ACTING_TOKEN,
    AuthorizationRequest,
    Claims,
    Client,
    OpenIDError,
    Party,
    Representation,
    access_token_claims,
    acting_claims,
    id_token_claims,
    parse_case_access,
    parse_scope,
    sign_token,
    userinfo_claims,
    verify_code_verifier,
    verify_token,
)
from sild.telemetry import get_logger

__all__ = ["Grants"]

log = get_logger("identity_provider")


@dataclass(frozen=True, slots=True)
class _Grant:
    id: str
    session_id: str
    client_id: str
    scopes: tuple[str, ...]
    representee: str | None


@dataclass(frozen=True, slots=True)
class _Basis:
    session: Session
    representation: Representation | None
    representees: list[Party] | None


class Grants:
    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        mandates: Mandates,
        keys: SigningKeys,
        settings: IdentityProviderSettings,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._mandates = mandates
        self._keys = keys
        self._settings = settings

    @property
    def _clock(self) -> Clock:
        return self._store.clock

    # --- codes

    def issue_code(self, request: AuthorizationRequest, session: Session, representee: str | None) -> str:
        """A code for the request, answered by the session. Raises OpenIDError (`access_denied`)."""
        representation = self._representation(session.subject, representee, code="access_denied")
        with self._store.change() as change:
            self._sessions.authentication(change, session, official="official" in request.scopes)
            grant = self._new_grant(change, session, request.client_id, request.scopes, representation)
            code = new_secret()
            change.connection.execute(
                insert(authorization_code).values(
                    code_hash=hashed(code),
                    grant_id=grant.id,
                    redirect_uri=request.redirect_uri,
                    code_challenge=request.code_challenge,
                    nonce=request.nonce,
                    expires_at=change.at + timedelta(seconds=self._settings.code_seconds),
                )
            )
        return code

    def _new_grant(
        self,
        change: Change,
        session: Session,
        client_id: str,
        scopes: tuple[str, ...],
        representation: Representation | None,
    ) -> _Grant:
        representee = representation.representee.identifier if representation else None
        grant = _Grant(new_id(), session.id, client_id, scopes, representee)
        change.connection.execute(
            insert(token_grant).values(
                id=grant.id,
                session_id=session.id,
                client_id=client_id,
                scopes=" ".join(scopes),
                representee=representee,
                created_at=change.at,
            )
        )
        self._note_mandates(change, grant.id, representation)
        detail = {"grant": grant.id, "representee": representee}
        change.audit(
            "grant", actor=session.subject, subject=session.subject, client_id=client_id, detail=detail
        )
        return grant

    def _note_mandates(self, change: Change, grant_id: str, representation: Representation | None) -> None:
        links = {link.id for chain in (representation.chains if representation else ()) for link in chain}
        for mandate_id in sorted(links):
            change.connection.execute(
                insert(token_grant_mandate).values(grant_id=grant_id, mandate_id=mandate_id)
            )

    def redeem_code(self, client: Client, form: Mapping[str, str]) -> Claims:
        """The token endpoint's answer to a code. Raises OpenIDError (`invalid_grant`)."""
        code = form.get("code", "")
        with self._store.change() as change:
            row = change.connection.execute(
                select(authorization_code).where(authorization_code.c.code_hash == hashed(code))
            ).one_or_none()
            grant = None if row is None else self._grant(change, row.grant_id)
        if row is None or grant is None or grant.client_id != client.client_id:
            raise _invalid("the code is not known")
        if row.redirect_uri != form.get("redirect_uri"):
            raise _invalid("redirect_uri is not the one of the authorization request")
        verify_code_verifier(row.code_challenge, form.get("code_verifier"))
        if row.used_at is not None or not self._use_code(row.code_hash):
            self._revoke(grant, "code_reused")
            raise _invalid("the code was used before")
        if row.expires_at <= self._clock():
            raise _invalid("the code has expired")
        basis = self._basis(grant, grant.scopes)
        return self._signed(client, grant, basis, nonce=row.nonce, scopes=grant.scopes)

    def _use_code(self, code_hash: str) -> bool:
        """True for exactly one caller, whichever process it asks."""
        with self._store.change() as change:
            used = change.connection.execute(
                update(authorization_code)
                .where(authorization_code.c.code_hash == code_hash, authorization_code.c.used_at.is_(None))
                .values(used_at=change.at)
            )
        return used.rowcount == 1

    # --- refresh tokens

    def refresh(self, client: Client, form: Mapping[str, str]) -> Claims:
        """New tokens, and a new refresh token instead of this one (RFC 9700 4.14.2); a session update in GovSSO's words.

        `scope` may name another representee (`representee.{subject}`). Raises OpenIDError (`invalid_grant`, `invalid_scope`).
        """
        token = form.get("refresh_token", "")
        with self._store.change() as change:
            row = change.connection.execute(
                select(refresh_token).where(refresh_token.c.token_hash == hashed(token))
            ).one_or_none()
            grant = None if row is None else self._grant(change, row.grant_id)
        if row is None or grant is None or grant.client_id != client.client_id or not client.refresh_tokens:
            raise _invalid("the refresh token is not known")
        if row.used_at is not None:
            self._revoke(grant, "refresh_token_reused")
            raise _invalid("the refresh token was used before")
        scopes, representee = self._refreshed_scope(client, grant, form.get("scope"))
        wanted = replace(grant, representee=representee or grant.representee)
        basis = self._basis(wanted, scopes)  # before the token is used up: a register may not answer
        self._use_refresh_token(row.token_hash, grant)
        if wanted.representee != grant.representee:
            wanted = self._act_for(grant, basis)
        return self._signed(client, wanted, basis, nonce=None, scopes=scopes)

    def _use_refresh_token(self, token_hash: str, grant: _Grant) -> None:
        with self._store.change() as change:
            used = change.connection.execute(
                update(refresh_token)
                .where(refresh_token.c.token_hash == token_hash, refresh_token.c.used_at.is_(None))
                .values(used_at=change.at)
            )
        if used.rowcount != 1:  # somebody else, at the same moment
            self._revoke(grant, "refresh_token_reused")
            raise _invalid("the refresh token was used before")

    def _refreshed_scope(
        self, client: Client, grant: _Grant, scope: str | None
    ) -> tuple[tuple[str, ...], str | None]:
        if scope is None:
            return grant.scopes, None
        scopes, representee = parse_scope(scope, client)
        if not set(scopes) <= set(grant.scopes) or (
            representee not in (None, grant.representee) and "representee" not in grant.scopes
        ):
            raise OpenIDError("more than was granted", code="invalid_scope")
        return scopes, representee

    def _act_for(self, grant: _Grant, basis: _Basis) -> _Grant:
        """A grant of the same session and client for another representee; the old one ends without a notice: the client asked."""
        with self._store.change() as change:
            change.connection.execute(
                update(token_grant)
                .where(token_grant.c.id == grant.id)
                .values(revoked_at=change.at, revoked_why="acts_for_another")
            )
            return self._new_grant(change, basis.session, grant.client_id, grant.scopes, basis.representation)

    # --- tokens

    def _basis(self, grant: _Grant, scopes: tuple[str, ...]) -> _Basis:
        """What the tokens of a grant rest on, as it is at this moment. Raises OpenIDError (`invalid_grant`), Unavailable."""
        with self._store.change() as change:
            living = self._grant(change, grant.id, revoked_too=False)
            session = None if living is None else self._sessions.by_id(change, grant.session_id)
        if session is None or living is None:
            raise _invalid("the session or the right to act has ended")
        try:
            representation = self._representation(session.subject, grant.representee, code="invalid_grant")
        except OpenIDError:
            if grant.representee == living.representee:
                self._revoke(grant, "mandate_ended")
            raise
        listed = self._mandates.representees_of(session.subject) if "representee_list" in scopes else None
        return _Basis(session, representation, listed)

    def _signed(
        self, client: Client, grant: _Grant, basis: _Basis, *, nonce: str | None, scopes: tuple[str, ...]
    ) -> Claims:
        issuer, lifetime = self._settings.issuer, timedelta(seconds=self._settings.token_seconds)
        with self._store.change() as change:
            who = self._sessions.authentication(change, basis.session, official="official" in scopes)
            at = change.at
            refresh = self._new_refresh_token(change, grant) if client.refresh_tokens else None
        access = sign_token(
            access_token_claims(
                who,
                issuer=issuer,
                client_id=client.client_id,
                audiences=client.audiences,
                scopes=scopes,
                jti=new_id(),
                grant_id=grant.id,
                at=at,
                lifetime=lifetime,
                representation=basis.representation,
            ),
            self._keys.active("ES256"),
            "at+jwt",
        )
        identity = sign_token(
            id_token_claims(
                who,
                issuer=issuer,
                client_id=client.client_id,
                jti=new_id(),
                at=at,
                lifetime=lifetime,
                nonce=nonce,
                access_token=access,
                representation=basis.representation,
                representees=basis.representees,
            ),
            self._keys.active(client.id_token_signed_response_alg),
        )
        answer: Claims = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self._settings.token_seconds,
            "id_token": identity,
            "scope": " ".join(scopes),
        }
        return answer if refresh is None else {**answer, "refresh_token": refresh}

    def _new_refresh_token(self, change: Change, grant: _Grant) -> str:
        token = new_secret()
        change.connection.execute(
            insert(refresh_token).values(token_hash=hashed(token), grant_id=grant.id, created_at=change.at)
        )
        return token

    def _representation(self, subject: str, representee: str | None, *, code: str) -> Representation | None:
        if representee is None or representee == subject:
            return None
        found = self._mandates.representation(subject, representee)
        if found is None:
            raise OpenIDError("the person may not act for this representee", code=code)
        return found

    # --- who acts, for registers

    def exchange(self, client: Client, form: Mapping[str, str]) -> Claims:
        """Token exchange (RFC 8693): an access token of the client's for one by which registers know who acts in a case.

        Raises OpenIDError (`unauthorized_client`, `invalid_request`, `invalid_grant`, `invalid_target`, ...), Unavailable.
        """
        if client.system is None:
            raise OpenIDError("the client is no information system", code="unauthorized_client")
        if form.get("subject_token_type") != ACCESS_TOKEN:
            raise OpenIDError("subject_token_type must be an access token's")
        if form.get("requested_token_type", ACTING_TOKEN) != ACTING_TOKEN or "actor_token" in form:
            raise OpenIDError("no such token can be made")
        wanted = parse_case_access(form.get("authorization_details", ""), client.registers)
        try:
            access = self.check_access_token(form.get("subject_token", ""))
        except OpenIDError as error:
            raise _invalid(error.message) from error
        if access.get("client_id") != client.client_id:
            raise _invalid("the access token is another client's")
        acts = wanted.action == "act"
        of_acts = self._settings.saying_seconds if wanted.operations else self._settings.acting_seconds
        seconds = of_acts if acts else self._settings.token_seconds
        by_law = self._by_law(str(access["sub"]), wanted.representees)
        with self._store.change() as change:
            claims = acting_claims(
                access,
                wanted,
                system=client.system,
                jti=new_id(),
                at=change.at,
                lifetime=timedelta(seconds=seconds),
                by_law=by_law,
            )
            if acts:
                subject, detail = str(access["sub"]), {"case": wanted.case, "jti": str(claims["jti"])}
                change.audit(
                    "vouch", actor=subject, subject=subject, client_id=client.client_id, detail=detail
                )
        return {
            "access_token": sign_token(claims, self._keys.active("ES256"), "acting+jwt"),
            "issued_token_type": ACTING_TOKEN,
            "token_type": "N_A",
            "expires_in": seconds,
        }

    def _by_law(self, subject: str, representees: Sequence[str]) -> list[Representation]:
        """Whom they say to speak for in their own name: whether they may is the register's to know, so a silent source stops nobody."""
        found = []
        for representee in representees:
            if representee == subject:
                continue
            try:
                standing = self._mandates.representation(subject, representee)
            except Unavailable as error:
                log.refusal("identity_provider.representation_unknown", error)
                break
            if standing is not None:
                found.append(standing)
        return found

    # --- checking

    def userinfo(self, token: str) -> Claims:
        """Raises OpenIDError (`invalid_token`)."""
        return userinfo_claims(self.check_access_token(token))

    def introspect(self, client: Client, token: str) -> Claims:
        """RFC 7662 2.2. A client sees tokens meant for it or given to it; of any other it learns only that it is not active."""
        try:
            claims = self.check_access_token(token)
        except OpenIDError:
            return {"active": False}
        audiences = claims.get("aud")
        meant = isinstance(audiences, list) and client.client_id in audiences
        if not meant and claims.get("client_id") != client.client_id:
            return {"active": False}
        return {"active": True, "token_type": "Bearer", **claims}

    def check_access_token(self, token: str) -> Claims:
        """Its claims, if nothing it rests on has ended: session, grant, mandates. Raises OpenIDError (`invalid_token`)."""
        try:
            claims = verify_token(
                token,
                self._keys.verification_keys(),
                issuer=self._settings.issuer,
                audience=self._settings.issuer,
                at=self._clock(),
                token_type="at+jwt",  # noqa: S106  no password
            )
        except TrustError as error:
            raise OpenIDError(error.message, code="invalid_token") from error
        with self._store.change() as change:
            grant = self._grant(change, str(claims.get("grant_id")))
        if grant is None:
            raise OpenIDError("the right to act has ended", code="invalid_token")
        try:
            self._basis(grant, ())
        except OpenIDError as error:
            raise OpenIDError(error.message, code="invalid_token") from error
        return claims

    def revoke(self, client: Client, token: str) -> None:
        """RFC 7009: the grant behind a refresh or access token of this client; silence about anything else."""
        with self._store.change() as change:
            grant_id = change.connection.scalar(
                select(refresh_token.c.grant_id).where(refresh_token.c.token_hash == hashed(token))
            )
        if grant_id is None:
            try:
                grant_id = str(self.check_access_token(token).get("grant_id"))
            except OpenIDError:
                return
        with self._store.change() as change:
            grant = self._grant(change, grant_id)
        if grant is not None and grant.client_id == client.client_id:
            self._revoke(grant, "revoked_by_client")

    # --- inside

    def _grant(self, change: Change, grant_id: str, *, revoked_too: bool = True) -> _Grant | None:
        row = change.connection.execute(select(token_grant).where(token_grant.c.id == grant_id)).one_or_none()
        if row is None or (row.revoked_at is not None and not revoked_too):
            return None
        return _Grant(row.id, row.session_id, row.client_id, tuple(row.scopes.split()), row.representee)

    def _revoke(self, grant: _Grant, why: str) -> None:
        """In a transaction of its own: the refusal that follows must not undo it."""
        with self._store.change() as change:
            if self._sessions.revoke_grants(change, token_grant.c.id == grant.id, why):
                change.audit(
                    "revoke_grant", actor=grant.client_id, client_id=grant.client_id, detail={"why": why}
                )


def _invalid(message: str) -> OpenIDError:
    return OpenIDError(message, code="invalid_grant")
