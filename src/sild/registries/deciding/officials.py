"""Who decides for the body, by name: their office, what they are qualified as, and the order by which they decide. From its settings.

What the settings leave out the country's profile says: of the matter of their desk, `birth@0793`, which office decides it there and by
which law. Somebody who is not listed decides all the same where the register lets them; then the record says nothing of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sild.catalogue import Profile
from sild.decisions import Office, office_by_law

__all__ = ["Official", "Officials", "appoint"]

NOWHERE = Office(None, None, None)


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
        by_law = NOWHERE if self._profile is None else office_by_law(self._profile, official.desk, on)
        return Office(
            official.qualification or by_law.qualification, by_law.division, official.order or by_law.order
        )


def appoint(register: object, officials: Iterable[Official], profile: Profile) -> None:
    """Say who decides for the body in a register that keeps records of decisions; of another it says nothing.

    profile: of the country whose offices theirs are.
    """
    from sild.registries.deciding.deciding import Deciding  # which needs these itself

    deciding = getattr(register, "deciding", None)
    if isinstance(deciding, Deciding):
        deciding.officials = Officials(officials, profile)
