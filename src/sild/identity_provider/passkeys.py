"""Passkeys: making one known and logging in with one (WebAuthn Level 3, 7.1 and 7.2), always with user verification.

The library `webauthn` checks the ceremonies; here is what it cannot know: whose key it is, how sure we are of them, that a
challenge is used once. A key that can be copied between devices (backup eligible) never counts for more than substantial.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from sild.errors import CallerError, TrustError
from sild.i18n import whole_name
from sild.identity_provider.people import People
from sild.identity_provider.sessions import LogIn, Session
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.store import Change, Store
from sild.identity_provider.tables import passkey
from sild.openid import LevelOfAssurance

__all__ = ["Passkeys", "StoredPasskey"]

MAX_PASSKEYS = 20


@dataclass(frozen=True, slots=True)
class StoredPasskey:
    credential_id: str
    label: str
    level: LevelOfAssurance


class Passkeys:
    def __init__(self, store: Store, people: People, settings: IdentityProviderSettings) -> None:
        self._store = store
        self._people = people
        self._settings = settings

    # --- making one known

    def registration_options(self, session: Session, challenge: str) -> str:
        """JSON for `navigator.credentials.create`. challenge: base64url."""
        with self._store.change() as change:
            person, _is_test, handle = self._people.find(change.connection, session.subject)
        name = whole_name(person.given_name, person.family_name, session.subject)
        options = generate_registration_options(
            rp_id=self._settings.host,
            rp_name=self._settings.name,
            user_id=handle,
            user_name=name,
            user_display_name=name,
            challenge=base64url_to_bytes(challenge),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors([key.credential_id for key in self.of(session.subject)]),
        )
        return options_to_json(options)

    def register(self, session: Session, credential: bytes, challenge: str, label: str) -> StoredPasskey:
        """Keep the key a person just made. Raises TrustError (`invalid_passkey`), CallerError."""
        try:
            made = verify_registration_response(
                credential=_json(credential),
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self._settings.host,
                expected_origin=self._settings.issuer,
                require_user_verification=True,
            )
        except WebAuthnException as error:
            raise TrustError(f"the new passkey was refused: {error}", code="invalid_passkey") from error
        level = session.level
        if made.credential_device_type is not CredentialDeviceType.SINGLE_DEVICE:
            level = min(level, LevelOfAssurance.SUBSTANTIAL)
        stored = StoredPasskey(
            bytes_to_base64url(made.credential_id), label.strip()[:100] or "passkey", level
        )
        with self._store.change() as change:
            if len(self._of(change, session.subject)) >= MAX_PASSKEYS:
                raise CallerError("no more passkeys can be kept")
            known = select(passkey.c.credential_id).where(passkey.c.credential_id == stored.credential_id)
            if change.connection.execute(known).first() is not None:
                raise TrustError("the passkey is known already", code="invalid_passkey")
            change.connection.execute(
                insert(passkey).values(
                    credential_id=stored.credential_id,
                    subject=session.subject,
                    public_key=made.credential_public_key,
                    sign_count=made.sign_count,
                    level=int(level),
                    label=stored.label,
                    created_at=change.at,
                )
            )
            detail = {"credential_id": stored.credential_id, "acr": level.acr}
            change.audit("add_passkey", actor=session.subject, subject=session.subject, detail=detail)
        return stored

    def of(self, subject: str) -> list[StoredPasskey]:
        with self._store.change() as change:
            return self._of(change, subject)

    def _of(self, change: Change, subject: str) -> list[StoredPasskey]:
        rows = change.connection.execute(
            select(passkey)
            .where(passkey.c.subject == subject, passkey.c.removed_at.is_(None))
            .order_by(passkey.c.created_at)
        )
        return [StoredPasskey(row.credential_id, row.label, LevelOfAssurance(row.level)) for row in rows]

    def remove(self, subject: str, credential_id: str) -> None:
        """Only the holder's own. Raises CallerError (`not_found`)."""
        with self._store.change() as change:
            gone = change.connection.execute(
                update(passkey)
                .where(
                    passkey.c.credential_id == credential_id,
                    passkey.c.subject == subject,
                    passkey.c.removed_at.is_(None),
                )
                .values(removed_at=change.at)
            )
            if not gone.rowcount:
                raise CallerError("no such passkey", code="not_found")
            change.audit(
                "remove_passkey", actor=subject, subject=subject, detail={"credential_id": credential_id}
            )

    # --- logging in

    def authentication_options(self, challenge: str, *, subject: str | None = None) -> str:
        """JSON for `navigator.credentials.get`; with a subject only that person's keys are asked for."""
        keys = [] if subject is None else [key.credential_id for key in self.of(subject)]
        options = generate_authentication_options(
            rp_id=self._settings.host,
            challenge=base64url_to_bytes(challenge),
            allow_credentials=_descriptors(keys),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options)

    def log_in(self, credential: bytes, challenge: str) -> tuple[LogIn, str]:
        """Who holds the key that answered, and its credential id. Raises TrustError (`invalid_passkey`)."""
        answer = _json(credential)
        credential_id = str(answer.get("id"))
        with self._store.change() as change:
            row = change.connection.execute(
                select(passkey).where(
                    passkey.c.credential_id == credential_id, passkey.c.removed_at.is_(None)
                )
            ).one_or_none()
            if row is None:
                raise TrustError("the passkey is not known", code="invalid_passkey")
            person, is_test, handle = self._people.find(change.connection, row.subject)
        try:
            done = verify_authentication_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self._settings.host,
                expected_origin=self._settings.issuer,
                credential_public_key=row.public_key,
                credential_current_sign_count=row.sign_count,
                require_user_verification=True,
            )
        except WebAuthnException as error:
            raise TrustError(f"the passkey was refused: {error}", code="invalid_passkey") from error
        said = answer.get("response", {}).get("userHandle")
        if said is not None and base64url_to_bytes(said) != handle:
            raise TrustError("the passkey is another person's", code="invalid_passkey")
        with self._store.change() as change:
            counted = change.connection.execute(
                update(passkey)
                .where(passkey.c.credential_id == credential_id, passkey.c.sign_count == row.sign_count)
                .values(sign_count=done.new_sign_count, last_used_at=change.at)
            )
            if not counted.rowcount:  # the same answer, twice at once
                raise TrustError("the passkey was used at the same moment", code="invalid_passkey")
            device = self._people.find_device(change.connection, "passkey", credential_id, change.at)
        level = LevelOfAssurance(row.level)
        return LogIn(person, level, "passkey", device, is_test), credential_id


def _descriptors(credential_ids: list[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in credential_ids]


def _json(credential: bytes) -> dict[str, Any]:  # WebAuthn's JSON, checked by the library
    try:
        answer = json.loads(credential)
    except (ValueError, RecursionError) as error:
        raise TrustError("the passkey's answer is not JSON", code="invalid_passkey") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("response"), dict):
        raise TrustError("the passkey's answer is no credential", code="invalid_passkey")
    return answer
