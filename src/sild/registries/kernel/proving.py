"""Who acts, proved: the identity provider's word in the message (`Sild-Acting`), checked in this one place before whatever a person alone may do.

    kernel.proofs = Proofs("https://login.example", published_keys("https://login.example/jwks"), clock)
    def end(usage: PersonalUsage, desk: AtDesk): with kernel.used("end", usage) as use: desk.ensure()      # asking.py

Of the message nothing is believed but what the token says (`sild.openid.verify_acting`): made for this register, this person, this
information system, this case. A register that was not told whose word to take lets no official act. The token is inside the signed
message, so the message log keeps it with what was done on it.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sild.clock import Clock
from sild.errors import CallerError, PlatformError, TrustError, Unavailable
from sild.http1 import fetch
from sild.openid import ActingPerson, VerificationKeys, parse_jwks, verify_acting
from sild.registries.kernel.usage import Usage

__all__ = ["ACTING_HEADER", "Desk", "Keys", "Proofs", "published_keys"]

ACTING_HEADER = "Sild-Acting"
ANSWER_SECONDS = 10.0
MAX_ANSWER = 256 * 1024
FRESH = timedelta(minutes=10)
"""How long keys are good without asking: as long as the provider says (`Cache-Control`), so a withdrawn one counts no longer."""
PAUSE = timedelta(seconds=10)
"""Between two questions that tokens with unknown keys cause."""
STALE = timedelta(days=1)
"""How long they are good when the provider does not answer."""

Keys = Callable[[datetime, bool], Awaitable[VerificationKeys]]
"""The provider's published keys. Arguments: now; whether a token has named a key that is not among them. Raises Unavailable."""


def published_keys(url: str, *, tls: ssl.SSLContext | None = None) -> Keys:
    """From the provider's address (`jwks_uri`), remembered."""
    known: VerificationKeys | None = None
    fetched = datetime.min.replace(tzinfo=UTC)

    async def keys(now: datetime, anew: bool) -> VerificationKeys:
        nonlocal known, fetched
        if known is not None and now - fetched < (PAUSE if anew else FRESH):
            return known
        try:
            answer = await fetch(url, timeout=ANSWER_SECONDS, max_bytes=MAX_ANSWER, tls=tls)
            if answer.status != 200:
                raise Unavailable(f"the identity provider answered {answer.status}", code="http_error")
            found = parse_jwks(json.loads(answer.body))
        except (PlatformError, ValueError) as error:
            if known is not None and now - fetched < STALE:
                return known
            message = "the identity provider's keys cannot be had"
            raise Unavailable(message, code="identity_provider_down", retry_after=5) from error
        known, fetched = found, now
        return known

    return keys


class Proofs:
    """issuer: whose word is taken.  register: this information system, `INSTANCE/CLASS/CODE/SUBSYSTEM`."""

    def __init__(self, issuer: str, keys: Keys, *, register: str, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._register = register.strip("/")
        self._clock = clock

    async def check(self, token: str | None, usage: Usage) -> ActingPerson:
        """Raises CallerError (`acting_not_proven`, `acting_expired`), Unavailable (`identity_provider_down`)."""
        if not token:
            raise CallerError("the message does not prove who acts", code="acting_not_proven")
        now = self._clock()
        try:
            return self._verified(token, await self._keys(now, False), usage, now)
        except TrustError:
            pass
        try:
            return self._verified(token, await self._keys(now, True), usage, now)  # its keys may have changed
        except TrustError as error:
            raise CallerError(f"who acts is not proved: {error.message}", code="acting_not_proven") from error

    def _verified(self, token: str, keys: VerificationKeys, usage: Usage, now: datetime) -> ActingPerson:
        party = usage.represented_party
        return verify_acting(
            token,
            keys,
            issuer=self._issuer,
            register=self._register,
            system=usage.client,
            person=usage.user_id or "",
            case=usage.issue,
            represented=party.rpartition("/")[2] if party else None,
            at=now,
        )


@dataclass(frozen=True, slots=True)
class Desk:
    """From where the official acts, as the identity provider says; or why it cannot be known."""

    person: ActingPerson | None
    refusal: PlatformError | None = None

    def ensure_if(self, is_needed: bool) -> None:
        """As `ensure`, where a rule may do the same without a person."""
        if is_needed:
            self.ensure()

    def ensure(self, *, acts: bool = True) -> None:
        """acts: the person decides, and does not only look.

        Raises CallerError (`acting_not_proven`, `acting_expired`; `officials_only`: no official's log-in, or not on their device),
        Unavailable. What the matter is about is another question.
        """
        if self.refusal is not None:
            raise self.refusal
        if self.person is None or not self.person.is_official:
            raise CallerError("an official at level high, on a managed device", code="officials_only")
        if acts and self.person.action != "act":
            raise CallerError("the person was vouched for to look, not to act", code="acting_not_proven")
