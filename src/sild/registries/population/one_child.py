"""Whether two notices are of one child: what a hospital tells and what an office wrote on paper say the same in other words.

The same without doubt: one is a hospital's and one a paper, of one mother, day, sex and number of a multiple birth, and they do not
name two men. Everything near that is for people: names are compared without accents and with room for a slip of the pen, so that what
two offices wrote down without a connection is not missed for a letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from difflib import SequenceMatcher

from sqlalchemy import select

from sild.i18n import folded
from sild.registries.kernel import Use
from sild.registries.population.birth_notice import BirthNotice, RelatedName, read_notice
from sild.registries.population.tables import persons

__all__ = ["bears_name", "by_names", "same_child"]

BIRTH_NOTICE = "birth_notice"
ALIKE = 0.8
"""Of two names, of 1: a letter missing, two changed about; not another name."""
NEAR = timedelta(days=3)
MOST_LOOKED_AT = 500


def same_child(use: Use, notice: BirthNotice, candidates: Sequence[str]) -> str | None:
    """The child that the notice is of beyond doubt; None: people say."""
    fitting = [child for child in candidates if _fits(use, notice, child)]
    close = [child for child in candidates if child not in fitting and not _is_other_twin(use, notice, child)]
    return fitting[0] if len(fitting) == 1 and not close else None


def bears_name(use: Use, person: str, named: RelatedName) -> bool:
    """Whether the code is of whom the notice names; a notice that has no name contradicts none."""
    written = _joined(named.given_names, named.family_name)
    held = use.facts.values_of([person], ["given_names", "family_name"], on=use.today)[person]
    kept = _joined(held.get("given_names"), held.get("family_name"))
    return not (written and kept) or _are_alike(written, kept)


def by_names(use: Use, notice: BirthNotice) -> list[str]:
    """Children born about that day whose mother bears about that name: of a notice without her code."""
    written = _joined(notice.mother.given_names, notice.mother.family_name)
    if not written:
        return []
    children = _born_near(use, notice.born)
    mothers = {
        fact.entity: fact.key
        for found in use.facts.current_of(children, ["parent"], on=use.today).values()
        for fact in found
        if fact.value == "mother"
    }
    names = use.facts.values_of(sorted({*mothers.values()}), ["given_names", "family_name"], on=use.today)
    near = [
        child
        for child, mother in mothers.items()
        if _are_alike(written, _joined(names[mother].get("given_names"), names[mother].get("family_name")))
    ]
    use.concerns(*near)
    return near


def _born_near(use: Use, day: date) -> list[str]:
    """The nearest day first, so that of too many those that fit best are looked at, and always the same."""
    found: list[str] = []
    for away in range(NEAR.days + 1):
        days = {day - timedelta(days=away), day + timedelta(days=away)}
        query = select(persons.c.code).where(persons.c.born.in_(sorted(days))).order_by(persons.c.code)
        found += use.connection.scalars(query.limit(MOST_LOOKED_AT - len(found)))
    return found


def _fits(use: Use, notice: BirthNotice, child: str) -> bool:
    said = _notices(use, child)
    if not said or any(one.is_paper == notice.is_paper for one in said):
        return False
    return all(
        (one.born, one.sex, one.order) == (notice.born, notice.sex, notice.order)
        and not _two_men(one.father, notice.father)
        for one in said
    )


def _is_other_twin(use: Use, notice: BirthNotice, child: str) -> bool:
    said = _notices(use, child)
    return (
        bool(said) and notice.order is not None and all(one.order not in (None, notice.order) for one in said)
    )


def _two_men(one: RelatedName | None, other: RelatedName | None) -> bool:
    codes = {man.code for man in (one, other) if man is not None and man.code is not None}
    return len(codes) > 1


def _notices(use: Use, child: str) -> list[BirthNotice]:
    return [read_notice(fact.value) for fact in use.facts.current(child, [BIRTH_NOTICE], on=use.today)]


def _joined(given_names: str | None, family_name: str | None) -> str:
    """In whichever order they were written."""
    return " ".join(sorted(folded(" ".join(one for one in (given_names, family_name) if one)).split()))


def _are_alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other).ratio() >= ALIKE
