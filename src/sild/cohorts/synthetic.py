"""Synthetic households by chunk: the same ones of the same seed, on every machine and with every release of NumPy.

All is made from the raw 64-bit numbers of PCG64 by integer arithmetic; no library's distribution and no floating point takes part.
What is drawn, and how often, stands in docs/cohorts.md; nobody here exists.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sild.cohorts.files import translated
from sild.cohorts.population import FILES, ROLES, Chunk, Columns, Population, write_table
from sild.errors import CallerError

__all__ = ["AS_OF", "Recipe", "make_chunk", "make_population"]

AS_OF = date(2026, 11, 1)
Ints = NDArray[np.int64]
MILLION = 1_000_000
CHILD, MOTHER, FATHER = (ROLES.index(role) for role in ("child", "mother", "father"))


@dataclass(frozen=True, slots=True)
class Country:
    """Incomes are in minor units a month. months: those kept, `12 * year + month - 1`, first and last."""

    months: tuple[int, int]
    least: int
    spread: int
    siblings: tuple[int, ...]
    """Of a million new children: how many have at most 0, 1, 2 ... older siblings."""


COUNTRIES = {
    "EE": Country(
        (2024 * 12 + 1, 2026 * 12), 60_000, 620_000, (430_000, 790_000, 920_000, 970_000, 990_000, MILLION)
    ),
    "VN": Country(
        (2025 * 12 + 4, 2026 * 12 + 9),
        4_000_000,
        26_000_000,
        (460_000, 860_000, 960_000, 990_000, 998_000, MILLION),
    ),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """missing: of a million facts of a person or family, how many nobody has.  births: of a million households, how many have a new child."""

    people: int
    seed: int = 1
    countries: tuple[str, ...] = ("EE", "VN")
    missing: int = 10_000
    births: int = MILLION
    chunk: int = 100_000

    def __post_init__(self) -> None:
        if not self.countries or any(country not in COUNTRIES for country in self.countries):
            raise CallerError(f"countries: {', '.join(COUNTRIES)}")
        if self.people < 1 or not 10 <= self.chunk <= MILLION:
            raise CallerError("people: at least one; a chunk: of ten to a million")
        if not (0 <= self.missing <= MILLION and 0 <= self.births <= MILLION):
            raise CallerError("a rate is from 0 to 1")

    def chunks(self) -> list[tuple[str, int, int]]:
        """Country, number, people. Countries take turns."""
        size = max(10, min(self.chunk, -(-self.people // len(self.countries))))
        rest = range(0, self.people, size)
        turn = len(self.countries)
        return [
            (self.countries[i % turn], i // turn, min(size, self.people - begin))
            for i, begin in enumerate(rest)
        ]


def make_population(
    recipe: Recipe, directory: Path, *, workers: int, done: Callable[[int], None] = lambda people: None
) -> Population:
    """By `workers` processes, chunk by chunk. done: called with the people of each.

    Raises CallerError, Unavailable (disk_full).
    """
    with translated(directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "population.json").unlink(missing_ok=True)
    chunks = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        waiting = [pool.submit(_write, recipe, each, directory) for each in recipe.chunks()]
        try:
            for each in as_completed(waiting):
                chunks.append(each.result())
                done(chunks[-1].people)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    made = {**asdict(recipe), "countries": list(recipe.countries)}
    population = Population(AS_OF, made, tuple(sorted(chunks, key=lambda chunk: chunk.name)))
    population.write(directory)
    return population


def _write(recipe: Recipe, which: tuple[str, int, int], directory: Path) -> Chunk:
    country, number, count = which
    people, families = make_chunk(recipe, country, number, count)
    name = f"{country}-{number:05d}"
    hashes = [
        sha256(write_table(directory / f"{kind}-{name}.parquet", columns)).hexdigest()
        for kind, columns in zip(FILES, (people, families), strict=True)
    ]
    households = int(people["household"][-1]) + 1
    return Chunk(name, country, count, households, len(families["household"]), (hashes[0], hashes[1]))


def make_chunk(recipe: Recipe, country: str, number: int, count: int) -> tuple[Columns, Columns]:
    """`count` people of whole households; the last ones live alone if a family would not fit."""
    dice = _Dice(recipe.seed, country, number)
    about = COUNTRIES[country]
    born_here, fathers, older, adults = _households(dice, recipe, about, count)
    sizes = adults + born_here + older
    household = np.repeat(np.arange(sizes.size), sizes)
    place = np.arange(household.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    role = np.zeros(household.size, np.int8)
    of_birth = np.repeat(born_here, sizes)
    second = np.repeat(fathers, sizes)
    role[of_birth & (place == 0)] = MOTHER
    role[of_birth & second & (place == 1)] = FATHER
    role[of_birth & (place == np.repeat(adults, sizes))] = CHILD
    adult = place < np.repeat(adults, sizes)
    family = np.where(role > 0, (np.cumsum(born_here) - 1)[household], -1)
    people: Columns = {
        "household": _known(household),
        "family": _known(family),
        "role": _known(role),
        "born": _known(_births(dice, adult, role == CHILD)),
        **_incomes(dice, recipe, about, adult),
        **(
            _work(dice, recipe, adult) if country == "EE" else _divisions(dice, recipe, household, sizes.size)
        ),
    }
    at_home = older[born_here]
    unknown = dice.chance(at_home.size, recipe.missing)
    families: Columns = {
        "household": _known(np.flatnonzero(born_here)),
        "older_siblings": np.ma.MaskedArray(np.where(unknown, 0, at_home), mask=unknown),
    }
    return people, families


def _households(
    dice: _Dice, recipe: Recipe, about: Country, count: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Ints, Ints]:
    """Of each household: has a new child; has a father or a second adult; further children; adults."""
    born_here = dice.chance(count, recipe.births)
    kind = dice.draw(count, MILLION)
    two = np.where(born_here, kind < 850_000, kind < 550_000)
    with_children = born_here | ((kind >= 300_000) & (kind < 650_000))
    older = np.searchsorted(np.array(about.siblings), dice.draw(count, MILLION), side="right")
    older = np.where(with_children, older, 0) + (with_children & ~born_here)
    adults = 1 + two.astype(np.int64)
    last = int(np.searchsorted(np.cumsum(adults + born_here + older), count, side="right"))
    alone = count - int((adults + born_here + older)[:last].sum())
    zeros = np.zeros(alone, np.int64)
    return (
        np.append(born_here[:last], zeros.astype(bool)),
        np.append(two[:last], zeros.astype(bool)),
        np.append(older[:last], zeros),
        np.append(adults[:last], zeros + 1),
    )


def _births(dice: _Dice, adult: NDArray[np.bool_], newborn: NDArray[np.bool_]) -> NDArray[np.datetime64]:
    """New children in the year before, others 1 to 17 years old, adults 19 to 59."""
    ages = dice.draw(adult.size, 365)
    ages += np.where(adult, (19 * 365 + 5) + 40 * ages, np.where(newborn, 0, 365 + 16 * ages))
    return np.datetime64(AS_OF) - ages.astype("timedelta64[D]")


def _incomes(dice: _Dice, recipe: Recipe, about: Country, adult: NDArray[np.bool_]) -> Columns:
    """Nine of ten adults are paid, most alike in all months of a year; children have nothing, and that is known."""
    count, (first, last) = adult.size, about.months
    one, other = dice.draw(count, 1 << 20), dice.draw(count, 1 << 20)
    pay = about.least + ((one * other >> 20) * about.spread >> 20)
    pay = np.where(dice.chance(count, 20_000), pay * 4, pay)
    paid = adult & dice.chance(count, 900_000)
    raised = pay + (pay * dice.draw(count, 120)) // 1000
    starts = np.where(dice.chance(count, 150_000), first + dice.draw(count, last - first + 1), first)
    lost = adult & dice.chance(count, recipe.missing)
    gap = first + dice.draw(count, last - first + 1)
    until = gap + dice.draw(count, 3)
    columns: Columns = {}
    for month in range(first, last + 1):
        now = raised if month >= (first // 12 + 1) * 12 else pay
        unknown = lost & (gap <= month) & (month <= until)
        amount = np.where(paid & (starts <= month) & ~unknown, now, 0)
        columns[f"income@{month // 12:04d}-{month % 12 + 1:02d}"] = np.ma.MaskedArray(amount, mask=unknown)
    return columns


def _work(dice: _Dice, recipe: Recipe, adult: NDArray[np.bool_]) -> Columns:
    """Grounds of health insurance in the month of AS_OF: of adults 75 % by an employer, 8 % a pension, 5 % unemployed."""
    month = AS_OF.strftime("%Y-%m")
    shares = (
        (f"insured_by_employer@{month}", 750_000),
        ("pensioner", 80_000),
        (f"registered_unemployed@{month}", 50_000),
    )
    return {name: _with_gaps(dice, recipe, adult & dice.chance(adult.size, share)) for name, share in shares}


def _divisions(dice: _Dice, recipe: Recipe, household: Ints, households: int) -> Columns:
    """Where a household lives: 700 districts as they were, 3,321 communes of today."""
    places = {"district": 700, "commune": 3_321}
    day = AS_OF.isoformat()
    return {
        f"{name}@{day}": _with_gaps(
            dice,
            recipe,
            np.array([f"{name}-{n:04d}" for n in range(most)])[dice.draw(households, most)[household]],
        )
        for name, most in places.items()
    }


def _with_gaps(
    dice: _Dice, recipe: Recipe, values: NDArray[np.generic]
) -> np.ma.MaskedArray[tuple[int], np.dtype[np.generic]]:
    unknown = dice.chance(values.size, recipe.missing)
    values[unknown] = np.zeros(1, values.dtype)[0]
    return np.ma.MaskedArray(values, mask=unknown)


def _known(values: NDArray[np.generic]) -> np.ma.MaskedArray[tuple[int], np.dtype[np.generic]]:
    return np.ma.MaskedArray(values, mask=np.zeros(values.shape, np.bool_))


class _Dice:
    """One stream for each chunk."""

    def __init__(self, seed: int, country: str, number: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, *country.encode(), number]))

    def draw(self, count: int, below: int) -> Ints:
        """Whole numbers from 0, all as likely (to one in a thousand of the least of them)."""
        raw = self._bits.random_raw(count) >> np.uint64(32)
        return (raw * np.uint64(below) >> np.uint64(32)).astype(np.int64)

    def chance(self, count: int, of_a_million: int) -> NDArray[np.bool_]:
        return self.draw(count, MILLION) < of_a_million
