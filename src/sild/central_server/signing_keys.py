"""Configuration signing keys: several for each source, one of them active (UG-CS 5.4).

A key's certificate stands in the `source` of the shared parameters from the moment the key exists, signed by the key that
is active then. Clients of version 3 and later thus know a new key before it is activated (WIRE 13.5); give them the time
of a few downloads in between. Version 2 clients need the new anchor.
"""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID
from sqlalchemy import Engine, delete, exists, insert, select, update

from sild.central_server.administration import Administration
from sild.central_server.anchors import write_anchor
from sild.central_server.errors import NotFound
from sild.central_server.key_store import KeyStore
from sild.central_server.records import ConfigurationType, KeyAlgorithm, SigningKey, Token
from sild.central_server.tables import signing_keys
from sild.central_server.validation import optional_text
from sild.clock import Clock
from sild.errors import CallerError
from sild.pki import (
    Certificate,
    CertificateProfile,
    PrivateKey,
    certificate_hash,
    der,
    issue_certificate,
)

__all__ = ["TOKEN_ID", "SigningKeys"]

TOKEN_ID = "0"  # noqa: S105  (X-Road's name of the software token)
VALIDITY = timedelta(days=20 * 365)
"""Nobody checks it: the certificate is a container for the key (WIRE 13.1)."""


class SigningKeys(Administration):
    def __init__(self, engine: Engine, clock: Clock, key_store: KeyStore) -> None:
        super().__init__(engine, clock)
        self._key_store = key_store

    def token(self) -> Token:
        with self._read() as connection:
            rows = connection.execute(
                select(
                    signing_keys.c.key_identifier,
                    signing_keys.c.source_type,
                    signing_keys.c.label,
                    signing_keys.c.key_algorithm,
                    signing_keys.c.certificate,
                    signing_keys.c.generated_at,
                    signing_keys.c.active,
                ).order_by(signing_keys.c.id)
            ).all()
        keys = tuple(SigningKey(*row, available=self._key_store.holds(row[0])) for row in rows)
        return Token(TOKEN_ID, self._key_store.logged_in, keys)

    def log_in(self, pin: str) -> None:
        """Make the signing keys usable. Raises CallerError (`pin_incorrect`)."""
        self._key_store.log_in(pin)

    def log_out(self) -> None:
        self._key_store.log_out()

    def signing_keys(self, source_type: ConfigurationType) -> tuple[SigningKey, ...]:
        return tuple(key for key in self.token().keys if key.source_type == source_type)

    def signing_key(self, key_id: str) -> SigningKey:
        """Raises NotFound (`signing_key_not_found`)."""
        found = next((key for key in self.token().keys if key.id == key_id), None)
        if found is None:
            raise NotFound("no such configuration signing key", code="signing_key_not_found")
        return found

    def add_signing_key(
        self,
        source_type: ConfigurationType,
        *,
        label: str | None = None,
        key_algorithm: KeyAlgorithm = "RSA",
    ) -> SigningKey:
        """Generate a key with its self-signed certificate, and make the source's anchor anew.

        The first key of a source is active at once. Raises CallerError (`token_not_active`).
        """
        label = optional_text(label, "label")
        if not self._key_store.logged_in:
            raise CallerError("the software token is not logged in", code="token_not_active")
        key_id, key = self._key_store.generate(key_algorithm)
        certificate = self._self_signed(key, source_type)
        self._key_store.store(key_id, key, certificate)
        try:
            with self._change(
                f"generate_{source_type.lower()}_configuration_signing_key",
                key_id=key_id,
                label=label,
                certificate=certificate_hash(certificate).hex(),
            ) as change:
                change.after_rollback.append(lambda: self._key_store.forget(key_id))
                others = exists().where(signing_keys.c.source_type == source_type, signing_keys.c.active)
                change.connection.execute(
                    insert(signing_keys).values(
                        key_identifier=key_id,
                        source_type=source_type,
                        label=label,
                        key_algorithm=key_algorithm,
                        certificate=der(certificate),
                        active=not change.connection.scalar(select(others)),
                        generated_at=change.at,
                    )
                )
                write_anchor(change, source_type)
        except BaseException:
            self._key_store.forget(key_id)
            raise
        return self.signing_key(key_id)

    def activate_signing_key(self, key_id: str) -> None:
        """Sign the next configuration with this key.

        Raises NotFound, CallerError (`signing_key_action_not_possible`: active already, or its token is not logged in).
        """
        key = self._require_inactive(key_id)
        with self._change(
            f"activate_{key.source_type.lower()}_configuration_signing_key", key_id=key_id
        ) as change:
            of_source = signing_keys.c.source_type == key.source_type
            change.connection.execute(update(signing_keys).where(of_source).values(active=False))
            activated = change.connection.execute(
                update(signing_keys).where(signing_keys.c.key_identifier == key_id).values(active=True)
            )
            if activated.rowcount == 0:
                raise NotFound("no such configuration signing key", code="signing_key_not_found")

    def delete_signing_key(self, key_id: str) -> None:
        """Delete an inactive key for good, and make the source's anchor anew. Raises what activating raises."""
        key = self._require_inactive(key_id)
        with self._change(
            f"delete_{key.source_type.lower()}_configuration_signing_key", key_id=key_id
        ) as change:
            deleted = change.connection.execute(
                delete(signing_keys).where(signing_keys.c.key_identifier == key_id, ~signing_keys.c.active)
            )
            if deleted.rowcount == 0:
                raise CallerError(
                    "the key was activated or deleted meanwhile", code="signing_key_action_not_possible"
                )
            write_anchor(change, key.source_type)
            change.after_commit.append(lambda: self._key_store.forget(key_id))

    def _require_inactive(self, key_id: str) -> SigningKey:
        key = self.signing_key(key_id)
        if key.active or not self._key_store.logged_in:
            reason = "is active" if key.active else "is on a token that is not logged in"
            raise CallerError(f"the key {reason}", code="signing_key_action_not_possible")
        return key

    def _self_signed(self, key: PrivateKey, source_type: ConfigurationType) -> Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{source_type.lower()}SigningKey")])
        now = self._clock()
        return issue_certificate(
            CertificateProfile.CONFIGURATION_SIGNER,
            subject=name,
            public_key=key.public_key(),
            issuer=name,
            issuer_key=key,
            issuer_public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_before=now - timedelta(days=1),
            not_after=now + VALIDITY,
        )
