"""Who may give notice of a birth, a stillbirth or a death, and that the notice is theirs: two words, the hospital's seal and the professional's signature.

The seal is the exchange's: which member sent the message stands in `X-Road-Client`. The signature lies in the Bundle (FHIR R4,
`Bundle.signature`: XAdES baseline B-LT over its canonical JSON). A hospital vouches for nobody: whoever keeps this register enters who
may sign for which hospital, as the register of health professionals has it; which professions may sign which notice says the profile of
their country (`notices`). A profile that says nothing lets nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from sild.catalogue import NoticeKind
from sild.errors import CallerError, PeerError, TrustError
from sild.pki import Certificate
from sild.registries.fhir import DEATH_NAME, FHIR_JSON, SIGNED_NAME
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel.usage import Usage, code_of
from sild.registries.population.birth_notice import Notified
from sild.registries.population.fhir_notice import NoticeSignature
from sild.registries.profiles import profile
from sild.signatures import SignedDocument, VerifiedDocument, verify_beside
from sild.telemetry import get_logger

__all__ = ["Notifier", "Notifying", "Signed", "ensure_fresh", "is_to_come"]

log = get_logger("register")

KEPT_WAITING = timedelta(days=7)
"""How long a signed notice may be on its way; a later one is signed anew, by somebody who still stands by it."""
CLOCKS_APART = timedelta(minutes=5)


class Signed(Protocol):
    """A notice as it came. content: what is signed.  signature: None: it bears none."""

    @property
    def content(self) -> bytes: ...

    @property
    def signature(self) -> NoticeSignature | None: ...


@dataclass(frozen=True, slots=True)
class Notifier:
    """person: identity code.  hospital: its member, `SILD/COM/90000001`.  profession: midwife, doctor.  until: the last day."""

    person: str
    name: str
    hospital: str
    profession: str = "midwife"
    licence: str | None = None
    since: date = date.min
    until: date | None = None

    def may(self, kind: NoticeKind, country: Country, hospital: str, on: date) -> bool:
        """country: whose law it is, of whom the notice is about."""
        law = profile(country).notices.get(kind)
        if law is None or self.profession not in law.professions:
            return False
        return self.hospital == hospital and self.since <= on and (self.until is None or on <= self.until)


class Notifying:
    """named: authorities of people's certificates and of time-stamps that count. Nobody listed: no notice is taken."""

    def __init__(self, listed: Iterable[Notifier] = (), named: Sequence[Certificate] = ()) -> None:
        self._listed: dict[str, list[Notifier]] = {}
        for one in listed:
            self._listed.setdefault(one.person, []).append(one)
        self._named = tuple(named)

    def notified(
        self,
        signed: Signed,
        kind: NoticeKind,
        usage: Usage,
        *,
        about: str | None,
        at: datetime,
        day: Callable[[datetime], date],
    ) -> Notified:
        """Who gave this notice. about: code of whom it is; None: nobody's is known, and the law of who signs counts.  at: now.
        day: by the country's clock.

        (1) it is signed  (2) the signature holds, over all that is said  (3) by whoever it names, who is who sends it, or a machine is
        (4) who may give such a notice by the law of whom it is about, on the day of the signature, for the hospital whose seal the
        message has.
        Raises CallerError (`signature_missing`, `invalid_signature`, `may_not_notify`).
        """
        if signed.signature is None:
            raise CallerError("a notice bears the signature of who gives it", code="signature_missing")  # (1)
        found = self._verified(
            signed, signed.signature.data, DEATH_NAME if kind == "death" else SIGNED_NAME
        )  # (2)
        person = code_of(found.person)
        if person != signed.signature.who:
            raise _invalid("it is not of the person whom the Bundle names")
        if usage.actor is not None and usage.actor != person:
            raise _invalid("it is not of the person who sends it")  # (3)
        if is_to_come(found.signed_at, at):
            raise _invalid("it is of a time to come")
        hospital = usage.client.rpartition("/")[0]
        listed = self._listed.get(person, ())
        country, on = parse_identity_code(about or person).country, day(found.signed_at)
        one = next((one for one in listed if one.may(kind, country, hospital, on)), None)  # (4)
        if one is None:
            log.warning("register.may_not_notify", hospital=hospital, notice=kind)
            raise CallerError(
                f"who signed may not give notice of a {kind} for this hospital", code="may_not_notify"
            )
        return Notified(one.name, one.profession, one.licence, found.signed_at)

    def _verified(self, signed: Signed, signature: bytes, name: str) -> VerifiedDocument:
        try:
            return verify_beside(
                SignedDocument(name, FHIR_JSON, signed.content, signature), named=self._named
            )
        except (PeerError, TrustError) as error:
            raise _invalid(error.message) from error


def is_to_come(time: datetime, at: datetime) -> bool:
    """By more than clocks are apart. at: now."""
    return time > at + CLOCKS_APART


def ensure_fresh(notified: Notified, at: datetime) -> None:
    """Of a notice that was not here before. Raises CallerError (`notice_too_old`)."""
    if notified.signed_at < at - KEPT_WAITING:
        raise CallerError(
            f"a notice arrives within {KEPT_WAITING.days} days of its signature; sign it anew",
            code="notice_too_old",
        )


def _invalid(why: str) -> CallerError:
    return CallerError(f"the signature does not hold: {why}", code="invalid_signature")
