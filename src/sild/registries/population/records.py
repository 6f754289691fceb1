"""What the register holds and gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sild.registries.identity_codes import Country, Sex

__all__ = ["Address", "AddressNotice", "Page", "Person", "Residence", "Usage"]


@dataclass(frozen=True, slots=True)
class Address:
    """`region`: county or province. `municipality`: parish, city or district; ward or commune."""

    country: Country
    region: str
    municipality: str
    street: str | None
    house: str
    apartment: str | None
    postal_code: str | None


@dataclass(frozen=True, slots=True)
class Residence:
    address: Address
    valid_from: date


@dataclass(frozen=True, slots=True)
class Person:
    """`mother`, `father`: identity codes, where they are known. `residence`: the one in force today; the dead have none."""

    code: str
    country: Country
    sex: Sex
    family_name: str
    given_names: str
    born: date
    died: date | None
    birth_place: str
    mother: str | None
    father: str | None
    residence: Residence | None

    @property
    def full_name(self) -> str:
        """In the order of the person's country."""
        if self.country == "VN":
            return f"{self.family_name} {self.given_names}"
        return f"{self.given_names} {self.family_name}"


@dataclass(frozen=True, slots=True)
class Page:
    persons: tuple[Person, ...]
    total: int


@dataclass(frozen=True, slots=True)
class AddressNotice:
    """A notice that someone lives somewhere else: what was said, by whom, by which message."""

    id: int
    person: str
    residence: Residence
    received_at: datetime
    client: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Who asks, as the security server vouches for it (X-Road's headers): no data leaves the register without one.

    client: `INSTANCE/CLASS/CODE/SUBSYSTEM`.  message_id: x-road-id.  user_id: the official or person behind the client.
    """

    client: str
    message_id: str
    request_id: str | None = None
    user_id: str | None = None
    issue: str | None = None
    represented_party: str | None = None
