"""Who decides for the body, by name: their office, what they are qualified as, and the order by which they decide. From its settings.

What the settings leave out the country's profile says: of the matter of their desk, `birth@0793`, which office decides it there and by
which law. Somebody who is not listed decides all the same where the register lets them; then the record says nothing of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sild.catalogue import Profile
from sild.errors import CallerError
from sild.registries.identity_codes import Country
from sild.registries.profiles import profile

__all__ = ["Official", "Officials", "appoint"]


@dataclass(frozen=True, slots=True)
class Official:
    """person: code.  desk: `MATTER@PLACE`, the place a division or a member code.  until: the last day.

    qualification, order: None: as the profile says of the matter.
    """

    person: str
    desk: str
    qualification: str | None = None
    order: str | None = None
    since: date = date.min
    until: date | None = None

    def holds_on(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Office:
    """As it stands in a record. division: code; None: the body has one office for the whole country."""

    qualification: str | None
    division: str | None
    order: str | None


class Officials:
    """profile: of the country whose offices these are; None: only what the settings say."""

    def __init__(self, officials: Iterable[Official] = (), profile: Profile | None = None) -> None:
        self._profile = profile
        self._by_person: dict[str, list[Official]] = {}
        for one in officials:
            self._by_person.setdefault(one.person, []).append(one)

    def office_of(self, person: str | None, on: date) -> Office | None:
        """What they decide as on that day, the latest appointment first; None: they are not listed."""
        listed = [one for one in self._by_person.get(person or "", ()) if one.holds_on(on)]
        if not listed:
            return None
        official = max(listed, key=lambda one: one.since)
        matter, _, place = official.desk.partition("@")
        office, basis, division = self._by_law(matter, place, on)
        return Office(official.qualification or office, division, official.order or basis)

    def _by_law(self, matter: str, place: str, on: date) -> tuple[str | None, str | None, str | None]:
        """Office, law and division that decide the matter there."""
        profile = self._profile
        if profile is None:
            return None, None, None
        known = {"matter": "register_matter"}.get(matter, matter)
        try:
            rule, holder = profile.competent(known, place, on)
            return rule.office[profile.languages[0]], rule.basis, holder.code
        except CallerError:  # the desk of a body, or of no division: the office is the body's own
            rules = [one for one in profile.competence if one.matter == known and one.began <= on]
            named = rules[0].office.get(profile.languages[0]) if rules else None
            return named, rules[0].basis if rules else None, None


def appoint(register: object, officials: Iterable[Official], country: Country) -> None:
    """Say who decides for the body in a register that keeps records of decisions; of another it says nothing."""
    from sild.registries.deciding.deciding import Deciding  # which needs these itself

    deciding = getattr(register, "deciding", None)
    if isinstance(deciding, Deciding):
        deciding.officials = Officials(officials, profile(country))
