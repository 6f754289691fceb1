"""Keys. Default deny: a key is a purpose, an entry in the algorithm register and named templates; without one of them there is none.

The entry is looked up again at every call: one that ends or is taken away takes its keys with it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import date
from uuid import uuid4

from sild.ai_gateway.errors import KeyRefused
from sild.ai_gateway.registers import AlgorithmRegister
from sild.ai_gateway.store import GatewayKey, Store
from sild.ai_gateway.templates import Templates
from sild.clock import Clock
from sild.errors import CallerError

__all__ = ["KeyBook"]

_PREFIX = "sild-ai-"


class KeyBook:
    """Blocking: asks the database."""

    def __init__(
        self, store: Store, algorithms: AlgorithmRegister, templates: Templates, clock: Clock
    ) -> None:
        self._store = store
        self._algorithms = algorithms
        self._templates = templates
        self._clock = clock

    def issue(
        self,
        *,
        purpose: str,
        algorithm: str,
        templates: tuple[str, ...],
        made_by: str,
        tokens_per_day: int = 200_000,
        calls_per_minute: int = 60,
        expires: date | None = None,
    ) -> tuple[GatewayKey, str]:
        """The key's row, and the key itself, which is told once and kept nowhere.

        Raises CallerError (`unknown_template`), KeyRefused (no entry in force that names this use).
        """
        if not (purpose.strip() and templates):
            raise CallerError("a key is for a purpose and for templates")
        for each in templates:
            self._templates.find(each)
        at = self._clock()
        self._ensure_entry(algorithm, purpose, templates, at.date())
        text = _PREFIX + secrets.token_urlsafe(32)
        key = GatewayKey(
            id=str(uuid4()),
            sha256=_sha256(text),
            purpose=purpose,
            algorithm=algorithm,
            templates=templates,
            tokens_per_day=tokens_per_day,
            calls_per_minute=calls_per_minute,
            made_at=at,
            made_by=made_by,
            expires=expires,
        )
        self._store.add_key(key)
        return key, text

    def open(self, text: str) -> GatewayKey:
        """The key whose text this is, if it holds now. Raises KeyRefused."""
        key = self._store.find_key(_sha256(text))
        if key is None:
            raise KeyRefused("no such key", code="unknown_key")
        self._ensure_in_force(key)
        self._ensure_entry(key.algorithm, key.purpose, key.templates, self._clock().date())
        return key

    def ensure_holds(self, key: GatewayKey) -> None:
        """Looked at anew before each asking: a call that waited is not asked for once its key was revoked. Raises KeyRefused."""
        now = self._store.find_key(key.sha256)
        if now is None:
            raise KeyRefused("no such key", code="unknown_key")
        self._ensure_in_force(now)

    def _ensure_in_force(self, key: GatewayKey) -> None:
        if key.revoked_at is not None:
            raise KeyRefused("the key was revoked")
        if key.expires is not None and key.expires < self._clock().date():
            raise KeyRefused("the key has expired")

    def ensure_allowed(self, key: GatewayKey, template: str) -> None:
        """Raises KeyRefused when `template` (an id) is not among the key's."""
        if template not in key.templates:
            raise KeyRefused(f"the key is not for the template {template}", code="template_not_allowed")

    def _ensure_entry(self, algorithm: str, purpose: str, templates: tuple[str, ...], today: date) -> None:
        entry = self._algorithms.find(algorithm)
        if entry is None:
            raise KeyRefused(
                f"{algorithm[:80]} has no entry in the algorithm register", code="no_algorithm_entry"
            )
        why = entry.why_not(purpose, templates, today=today)
        if why is not None:
            raise KeyRefused(why, code="no_algorithm_entry")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
