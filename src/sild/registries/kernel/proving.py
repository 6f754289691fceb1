"""Who acts, proved: the identity provider's word in the message (`Sild-Acting`), checked in this one place before whatever a person alone may do.

    kernel.proofs = Proofs("https://login.example", published_keys("https://login.example/jwks"), clock)
    def end(usage: PersonalUsage, desk: AtDesk): with kernel.used("end", usage) as use: desk.ensure()      # an official (asking.py)
    def wish(usage: SaidByPerson): ...                                         # whoever it is about, or for whom they speak (asking.py)

Of the message nothing is believed but what the token says (`sild.openid.verify_acting`): made for this register, this person, this
information system, this case. A register that was not told whose word to take lets no official act. The token is inside the signed
message, so the message log keeps it with what was done on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sild.adapter import IssuerKeys, published_keys
from sild.clock import Clock
from sild.errors import CallerError, PlatformError, TrustError
from sild.openid import ActingPerson, VerificationKeys, verify_acting, verify_applied, verify_word
from sild.registries.kernel.usage import Usage

__all__ = [
    "ACTING_HEADER",
    "APPLIED_HEADER",
    "NO_PROVIDER",
    "Desk",
    "IssuerKeys",
    "Proofs",
    "ensure_said",
    "ensure_word",
    "published_keys",
]

ACTING_HEADER = "Sild-Acting"
APPLIED_HEADER = "Sild-Applied"
"""Who applied for another in the case, when somebody else acts now: the same word, of then."""
NO_PROVIDER = "no identity provider is known to this register"
LEVELS = ("low", "substantial", "high")
"""Of log-ins (eIDAS), the least first."""


class Proofs:
    """issuer: whose word is taken.  register: this information system, `INSTANCE/CLASS/CODE/SUBSYSTEM`."""

    def __init__(self, issuer: str, keys: IssuerKeys, *, register: str, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._register = register.strip("/")
        self._clock = clock

    async def applied(self, token: str, usage: Usage) -> ActingPerson | None:
        """Who applied in the case that the message is about, as a token that came along says; None: it is not about this case, or nobody's.

        Raises Unavailable (`identity_provider_down`).
        """
        now = self._clock()
        for anew in (False, True):  # its keys may have changed
            try:
                return verify_applied(
                    token,
                    await self._keys(now, anew),
                    issuer=self._issuer,
                    register=self._register,
                    system=usage.client,
                    case=usage.issue,
                    at=now,
                )
            except TrustError:
                continue
            except CallerError:
                break
        return None

    async def word(self, token: str, usage: Usage) -> ActingPerson:
        """Of what somebody said in the case, and another's message carries along: whoever it was. Raises as `check`."""
        now = self._clock()
        for anew in (False, True):  # its keys may have changed
            try:
                return verify_word(
                    token,
                    await self._keys(now, anew),
                    issuer=self._issuer,
                    register=self._register,
                    system=usage.client,
                    case=usage.issue,
                    at=now,
                )
            except TrustError as error:
                refusal = CallerError(f"who acts is not proved: {error.message}", code="acting_not_proven")
        raise refusal

    async def check(self, token: str | None, usage: Usage, *, at_counter: bool = False) -> ActingPerson:
        """at_counter: as `verify_acting`. Raises CallerError (`acting_not_proven`, `acting_expired`), Unavailable (`identity_provider_down`)."""
        if not token:
            raise CallerError("the message does not prove who acts", code="acting_not_proven")
        now = self._clock()
        try:
            return self._verified(token, await self._keys(now, False), usage, now, at_counter)
        except TrustError:
            pass
        try:
            return self._verified(
                token, await self._keys(now, True), usage, now, at_counter
            )  # its keys may have changed
        except TrustError as error:
            raise CallerError(f"who acts is not proved: {error.message}", code="acting_not_proven") from error

    def _verified(
        self, token: str, keys: VerificationKeys, usage: Usage, now: datetime, at_counter: bool
    ) -> ActingPerson:
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
            at_counter=at_counter,
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

    def ensure_for(self, operation: str) -> None:
        """As `ensure`, where the official writes down what others said before them: proved for this operation alone. Raises as it."""
        person = self._official()
        if person.representee is not None:
            raise CallerError("the proof is of what somebody says for another", code="acting_not_proven")
        _ensure_acts(person)
        _ensure_for(person, operation)

    def ensure(self, *, acts: bool = True) -> None:
        """acts: the person decides, and does not only look. What people say for themselves, or for another, proves no official's act.

        Raises CallerError (`acting_not_proven`, `acting_expired`; `officials_only`: no official's log-in, or not on their device),
        Unavailable. What the matter is about is another question.
        """
        person = self._official()
        if person.operations or person.representee is not None:
            raise CallerError(
                "the proof is of what somebody says for themselves or another", code="acting_not_proven"
            )
        if acts:
            _ensure_acts(person)

    def _official(self) -> ActingPerson:
        if self.refusal is not None:
            raise self.refusal
        if self.person is None or not self.person.is_official:
            raise CallerError("an official at level high, on a managed device", code="officials_only")
        return self.person


def ensure_said(person: ActingPerson, operation: str, usage: Usage, level: str) -> None:
    """That it is this very thing that the person says: for it, for whom the message says, at a log-in of this level (acr) at least.

    Raises CallerError (`acting_not_proven`, `level_too_low`).
    """
    ensure_word(person, operation, level)
    if person.representee is not None and usage.represented_party is None:
        raise CallerError(
            "the person acts for another, and the message does not say so", code="acting_not_proven"
        )


def ensure_word(person: ActingPerson, operation: str, level: str) -> None:
    """As `ensure_said`, of a word that another's message carries: for whom, it says itself. Raises as it."""
    _ensure_acts(person)
    _ensure_for(person, operation)
    if person.level not in LEVELS[LEVELS.index(level) :]:
        raise CallerError(f"this wants a log-in of level {level}", code="level_too_low")


def _ensure_acts(person: ActingPerson) -> None:
    if person.action != "act":
        raise CallerError("the person was vouched for to look, not to act", code="acting_not_proven")


def _ensure_for(person: ActingPerson, operation: str) -> None:
    if operation not in person.operations:
        raise CallerError("the proof of who acts is for something else", code="acting_not_proven")
