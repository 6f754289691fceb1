"""The issuer's signing keys: NEXT is published before it signs, ACTIVE signs, RETIRED is published until nothing it signed counts.

RS256 exists for clients registered for it; its keys are made when the first one needs them.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, insert, select, update

from sild.identity_provider.store import Change, Store
from sild.identity_provider.tables import signing_key
from sild.openid import (
    SigningAlgorithm,
    SigningKey,
    VerificationKeys,
    load_signing_key,
    new_signing_key,
    parse_jwks,
    render_jwks,
)

__all__ = ["SigningKeys"]

PUBLISHED_BEFORE_USE = timedelta(hours=1)
KEPT_AFTER_USE = timedelta(days=1)
"""Longer than any token lives but those of people who acted, and than a logout with an old `id_token_hint` is likely."""


class SigningKeys:
    """Keys in the database, encrypted under one password; read anew when another process may have changed them."""

    def __init__(
        self, store: Store, password: str, *, rotation: timedelta, longest: timedelta = KEPT_AFTER_USE
    ) -> None:
        """longest: that any token lives; as long a retired key is published."""
        self._store = store
        self._password = password
        self._rotation = rotation
        self._kept = max(longest, KEPT_AFTER_USE)
        self._loaded: dict[str, SigningKey] = {}

    def active(self, algorithm: SigningAlgorithm) -> SigningKey:
        """The key that signs now, made if there is none."""
        with self._store.change() as change:
            row = change.connection.execute(
                select(signing_key).where(
                    signing_key.c.algorithm == algorithm, signing_key.c.state == "ACTIVE"
                )
            ).first()
            if row is None:
                return self._add(change, algorithm, "ACTIVE")
            return self._load(row.key_id, algorithm, row.pem)

    def jwks(self) -> dict[str, object]:
        """Every published key (RFC 7517)."""
        with self._store.change() as change:
            rows = change.connection.execute(select(signing_key).order_by(signing_key.c.changed_at)).all()
        return render_jwks([self._load(row.key_id, row.algorithm, row.pem) for row in rows])

    def verification_keys(self) -> VerificationKeys:
        return parse_jwks(self.jwks())

    def rotate(self, *, compromised: bool = False) -> None:
        """Publish a new key that signs an hour later. compromised: use it at once and withdraw the old ones:
        every token they signed stops counting."""
        with self._store.change() as change:
            algorithms = set(change.connection.scalars(select(signing_key.c.algorithm)))
            if compromised:
                change.connection.execute(delete(signing_key))
            for algorithm in sorted(algorithms or {"ES256"}):
                self._add(change, algorithm, "ACTIVE" if compromised else "NEXT")
            change.audit("rotate_keys", actor="administrator", detail={"compromised": compromised})

    def maintain(self) -> None:
        """What time asks for: a NEXT key starts to sign, an old one retires, a retired one goes, a new one is published."""
        with self._store.change() as change:
            self._promote(change)
            change.connection.execute(
                delete(signing_key).where(
                    signing_key.c.state == "RETIRED", signing_key.c.changed_at < change.at - self._kept
                )
            )
            for row in change.connection.execute(
                select(signing_key).where(signing_key.c.state == "ACTIVE")
            ).all():
                if row.changed_at < change.at - self._rotation and not self._has_next(change, row.algorithm):
                    self._add(change, row.algorithm, "NEXT")

    def _promote(self, change: Change) -> None:
        ripe = select(signing_key).where(
            signing_key.c.state == "NEXT", signing_key.c.changed_at <= change.at - PUBLISHED_BEFORE_USE
        )
        for row in change.connection.execute(ripe).all():
            same = signing_key.c.algorithm == row.algorithm
            retire = update(signing_key).where(same, signing_key.c.state == "ACTIVE")
            change.connection.execute(retire.values(state="RETIRED", changed_at=change.at))
            start = update(signing_key).where(signing_key.c.key_id == row.key_id)
            change.connection.execute(start.values(state="ACTIVE", changed_at=change.at))

    def _has_next(self, change: Change, algorithm: str) -> bool:
        found = select(signing_key.c.key_id).where(
            signing_key.c.algorithm == algorithm, signing_key.c.state == "NEXT"
        )
        return change.connection.execute(found).first() is not None

    def _add(self, change: Change, algorithm: SigningAlgorithm, state: str) -> SigningKey:
        key = new_signing_key(algorithm)
        change.connection.execute(
            insert(signing_key).values(
                key_id=key.key_id,
                algorithm=algorithm,
                state=state,
                pem=key.to_pem(self._password),
                changed_at=change.at,
            )
        )
        self._loaded[key.key_id] = key
        return key

    def _load(self, key_id: str, algorithm: SigningAlgorithm, pem: bytes) -> SigningKey:
        """Decrypting takes milliseconds by design, so a key stays in memory once read."""
        if key_id not in self._loaded:
            self._loaded[key_id] = load_signing_key(pem, algorithm, self._password)
        return self._loaded[key_id]
