"""Synthetic statistics of kindergarten demand, by commune and year: counts only, of nobody who exists, the same from the same seed.

A commune is simulated year by year from FIRST_YEAR on: children are born, move in and out and grow older, dwellings are built, and
parents want places. What drives demand (docs/models.md says it in words): cohorts that enter and leave, families that follow new
dwellings once these are many (more so in towns), parents who give up where the queue is long, and chance. A year's figures never
change when later years are added. Communes with the codes of a country's profile stand first, invented ones fill up the country.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Literal

__all__ = ["FIRST_YEAR", "SEED", "CommuneYear", "statistics_of"]

SEED = 20_260_101
FIRST_YEAR = 2010
COMMUNES = {"EE": 79, "VN": 161}
WARMING_UP = 6  # years before the first one, so that all cohorts are the simulation's own

Kind = Literal["urban", "rural"]

KNOWN: dict[str, tuple[tuple[str, str, Kind, int], ...]] = {
    "EE": (
        ("0784", "0037", "urban", 4600), ("0793", "0079", "urban", 1100), ("0796", "0079", "rural", 140),
        ("0511", "0045", "urban", 390), ("0624", "0068", "urban", 480), ("0919", "0087", "urban", 110),
        ("0890", "0037", "rural", 260), ("0663", "0060", "urban", 150), ("0899", "0084", "urban", 160),
        ("0714", "0074", "rural", 270), ("0698", "0087", "rural", 45), ("0557", "0082", "rural", 55),
    ),
    "VN": (
        ("00004", "01", "urban", 900), ("00008", "01", "urban", 850), ("00025", "01", "urban", 760),
        ("00082", "01", "urban", 980), ("20242", "48", "urban", 1300), ("00070", "01", "urban", 1050),
        ("00167", "01", "urban", 940), ("00103", "01", "urban", 890), ("26740", "79", "urban", 700),
        ("26743", "79", "urban", 820), ("27301", "79", "urban", 950), ("11407", "31", "urban", 870),
        ("19774", "46", "urban", 780), ("31135", "92", "urban", 990), ("16681", "40", "urban", 830),
        ("22366", "56", "urban", 910), ("06652", "22", "urban", 740), ("24778", "68", "urban", 690),
    ),
}  # fmt: skip
"""Code, province, kind, and about how many are born in a year."""
WANTING = {"EE": (0.0, 0.32, 0.78, 0.92, 0.95, 0.96, 0.70), "VN": (0.0, 0.18, 0.50, 0.88, 0.93, 0.97, 0.35)}
"""By age on 1 January: the share of children whose parents want a place."""
FERTILITY = {"EE": -0.011, "VN": -0.004}


@dataclass(frozen=True, slots=True)
class CommuneYear:
    """One commune as counted on 1 January of `year`. Flows (born, moved, built) are of the year before.

    ages: children by age, 0 to 6.  demand: children whose parents want a place, with one or waiting.  waiting: without one.
    new_dwellings: of the two years before.
    """

    country: str
    commune: str
    province: str
    kind: Kind
    year: int
    born: int
    moved_in: int
    moved_out: int
    ages: tuple[int, ...]
    dwellings: int
    new_dwellings: int
    places: int
    waiting: int
    demand: int


@cache
def statistics_of(last_year: int, seed: int = SEED) -> tuple[CommuneYear, ...]:
    """Every commune of every country, years FIRST_YEAR to `last_year`."""
    return tuple(
        row
        for country, count in COMMUNES.items()
        for commune in _communes(country, count, seed)
        for row in commune.years(last_year)
    )


def _communes(country: str, count: int, seed: int) -> Iterator[_Commune]:
    provinces = list(dict.fromkeys(province for _, province, _, _ in KNOWN[country]))
    for number in range(count):
        draws = Random(f"{seed}/{country}/{number}")  # noqa: S311  a simulation
        if number < len(KNOWN[country]):
            code, province, kind, born = KNOWN[country][number]
        else:
            kind = "urban" if draws.random() < 0.35 else "rural"
            code = f"9{number:0{3 if country == 'EE' else 4}}"
            province = provinces[int(draws.random() * len(provinces))]
            born = round(
                (60 if kind == "rural" else 160)
                * (1.5 if country == "VN" else 1.0)
                * (0.3 + 2 * draws.random())
            )
        yield _Commune(country, code, province, kind, born, draws)


@dataclass
class _Commune:
    country: str
    code: str
    province: str
    kind: Kind
    born: float
    draws: Random
    ages: list[float] = field(default_factory=list)
    boom: float = 0.0

    def years(self, last_year: int) -> Iterator[CommuneYear]:
        self.ages = [self.born * (1 - 0.01 * age) for age in range(7)]
        dwellings = self.born * (45 if self.kind == "urban" else 55)
        built = [dwellings * 0.004, dwellings * 0.004]
        places = 0.98 * self._wanted(0.0)
        for year in range(FIRST_YEAR - WARMING_UP, last_year + 1):
            rate = self._building_rate()
            built = [built[1], dwellings * rate]
            dwellings += built[1]
            lately = 500 * sum(built) / dwellings  # dwellings of a thousand, a year
            moved_in, moved_out = self._grow(lately)
            crowded = max(0.0, self._wanted(0.0) - places) / max(1.0, places)
            demand = self._wanted(crowded) * (1 + self._chance(0.007 + 0.12 / (self.born**0.5 * 4)))
            waiting = max(0.0, demand - places)
            if year >= FIRST_YEAR:
                yield CommuneYear(
                    self.country, self.code, self.province, self.kind, year,
                    born=round(self.ages[0]), moved_in=round(moved_in), moved_out=round(moved_out),
                    ages=tuple(round(count) for count in self.ages),
                    dwellings=round(dwellings), new_dwellings=round(sum(built)),
                    places=round(places), waiting=round(waiting), demand=round(demand),
                )  # fmt: skip
            places += 0.45 * (demand - places) + places * self._chance(0.012)

    def _building_rate(self) -> float:
        """Mostly little is built; now and then a new quarter, over several years."""
        if self.draws.random() < (0.07 if self.kind == "urban" else 0.04):
            self.boom = 0.012 + 0.03 * self.draws.random()
        self.boom *= 0.72
        return 0.002 + 0.004 * self.draws.random() + self.boom

    def _grow(self, lately: float) -> tuple[float, float]:
        """A year: children grow older and move, others are born. lately: new dwellings of a thousand, a year."""
        drawn = max(0.0, lately - 9.0) * (0.0042 if self.kind == "urban" else 0.0026)
        leaving = (0.035 if self.kind == "urban" else 0.042) * (1 + self._chance(0.15))
        coming = 0.034 * (1 + self._chance(0.15)) + min(0.11, drawn)
        before = sum(self.ages)
        self.born *= (1 + FERTILITY[self.country] + self._chance(0.05)) * (1 + 0.35 * min(0.11, drawn))
        grown = [self.born, *self.ages[:6]]
        self.ages = [max(0.0, count * (1 + coming - leaving)) for count in grown]
        return before * coming, before * leaving

    def _wanted(self, crowded: float) -> float:
        """crowded: those without a place, of those with one: where they are many, some stay at home."""
        given_up = 0.9 if crowded > 0.06 else 0.35
        wanted = sum(share * count for share, count in zip(WANTING[self.country], self.ages, strict=True))
        return wanted * (1.03 if self.kind == "urban" else 0.97) * (1 - given_up * min(0.12, crowded))

    def _chance(self, spread: float) -> float:
        """About normal, from sums of uniform draws alone: the same on every machine."""
        return spread * (sum(self.draws.random() for _ in range(12)) - 6.0)
