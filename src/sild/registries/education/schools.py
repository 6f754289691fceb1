"""The school that serves a home, and from when to when a child must attend one. Pure.

Schools and their districts are made up for demonstration, and sections of acts are to be verified with the consolidated text. Estonia:
the municipality says by street which school is of the home (PGS § 10). Viet Nam: a commune's enrolment area (tuyến tuyển sinh) is
the commune.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sild.errors import CallerError
from sild.registries.identity_codes import Country, IdentityCode
from sild.registries.profiles import profile

__all__ = ["SCHOOL", "SCHOOL_GROUNDS", "Attendance", "attendance", "school_of"]

SCHOOL = "school_district"
SCHOOL_GROUNDS: Mapping[Country, str] = {"EE": "PGS § 10", "VN": "Luật Giáo dục 2019, Điều 28"}
_CENTRE = ("Aia", "Lai", "Pikk", "Turu", "Vabaduse pst", "Tartu mnt")
EE_SCHOOLS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "0784": {
        "Tallinna Lasnamäe Põhikool": ("Punane", "Mustakivi tee", "Paekaare", "Virbi", "Laagna tee"),
        "Tallinna Mustamäe Põhikool": ("Sõpruse pst", "Ehitajate tee", "Akadeemia tee", "Vilde tee"),
        "Tallinna Vanalinna Põhikool": ("Aia", "Lai", "Pikk"),
        "Tallinna Keskkool": (),
    },
    "0793": {"Tartu Toome Kool": _CENTRE, "Tartu Emajõe Kool": ()},
    "0624": {"Pärnu Kesklinna Kool": _CENTRE, "Pärnu Rannakool": ()},
    "0511": {"Narva Jõekool": ()},
    "0663": {"Rakvere Linnakool": ()},
    "0899": {"Viljandi Järvekool": ()},
    "0890": {"Viimsi Metsakool": ()},
    "0714": {"Saaremaa Kool": ()},
    "0698": {"Rõuge Kool": ()},
    "0557": {"Otepää Mäekool": ()},
}
"""Municipality -> school -> the streets of its district; none: whatever is in no other's, homes known to the municipality alone, too."""
_UNITS = ("Phường ", "Xã ", "Đặc khu ")


@dataclass(frozen=True, slots=True)
class Attendance:
    """since: the first day of school.  until: the first day on which they need not attend any more."""

    since: date
    until: date


def attendance(code: IdentityCode) -> Attendance:
    """By the code alone. Estonia: who is seven before 1 October, until their 17th birthday (PGS § 9). Viet Nam: the year in which
    they are six, until the end of the ninth class (Luật Giáo dục 2019, Điều 28).
    """
    if code.born is None:
        return Attendance(date(code.birth_year + 6, 9, 5), date(code.birth_year + 15, 6, 1))
    born = code.born
    first = born.year + (7 if born.month < 10 else 8)
    day = 1 if (born.month, born.day) == (2, 29) else born.day
    month = 3 if (born.month, born.day) == (2, 29) else born.month
    return Attendance(date(first, 9, 1), date(born.year + 17, month, day))


def school_of(country: Country, division: str, street: str | None, on: date) -> str | None:
    """Its name; None: no school is known there. division: of any day."""
    try:
        unit = profile(country).resolve(division, on)[0]
    except (CallerError, IndexError):
        return None
    if country == "VN":
        short = unit.name
        for word in _UNITS:
            short = short.removeprefix(word)
        return f"Trường TH&THCS {short}" if unit.tier == "commune" else None
    schools = EE_SCHOOLS.get(unit.code, {})
    rest = next((name for name, streets in schools.items() if not streets), None)
    return next((name for name, streets in schools.items() if street in streets), rest)
