"""Reading people from their facts: one, many, by name, and who is what to whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import and_, func, insert, select, update

from sild.errors import CallerError
from sild.i18n import folded
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel import Fact, Use
from sild.registries.population.protection import feared_by_family
from sild.registries.population.records import Page, Person, Related
from sild.registries.population.tables import persons

__all__ = [
    "add_person",
    "children_of",
    "disputants_of",
    "find_persons",
    "guardians_of",
    "index_name",
    "parents_of",
    "read_person",
    "read_persons",
    "relations_of",
    "representatives_of",
    "require_living",
    "require_person",
]

PERSON_FACTS = (
    "given_names",
    "family_name",
    "sex",
    "born",
    "birth_place",
    "died",
    "citizenship",
    "parent",
    "spouse",
)


def require_person(use: Use, code: str) -> None:
    """The use concerns them, known or not. Raises InvalidIdentityCode, CallerError (`unknown_person`)."""
    parse_identity_code(code)
    use.concerns(code)
    if use.connection.scalar(select(persons.c.code).where(persons.c.code == code)) is None:
        raise CallerError("nobody in the register has this identity code", code="unknown_person")


def require_living(use: Use, code: str) -> Person:
    """Raises InvalidIdentityCode, CallerError (`unknown_person`, `person_is_dead`)."""
    person = read_person(use, code)
    if person.died is not None:
        raise CallerError("the person is dead", code="person_is_dead")
    return person


def read_person(use: Use, code: str) -> Person:
    """Raises InvalidIdentityCode, CallerError (`unknown_person`)."""
    require_person(use, code)
    return read_persons(use, [code])[0]


def read_persons(use: Use, codes: Sequence[str], *, on: date | None = None) -> tuple[Person, ...]:
    """People the register knows, as they are today (or were `on` a day), in the order given; the use concerns them."""
    use.concerns(*codes)
    found = use.facts.current_of(codes, PERSON_FACTS, on=on or use.today)
    return tuple(_person(code, found[code]) for code in codes)


def children_of(use: Use, code: str) -> tuple[Related, ...]:
    """Eldest first."""
    links = use.facts.entities_with("parent", code, on=use.today)
    in_custody = {fact.entity for fact in use.facts.entities_with("custody", code, on=use.today)}
    in_custody -= {child for child in in_custody if code in feared_by_family(use, child)}
    children = _related(use, [(link.entity, "child", link, link.entity in in_custody) for link in links])
    return tuple(sorted(children, key=lambda child: (child.person.born, child.person.code)))


def parents_of(use: Use, code: str) -> tuple[Related, ...]:
    """The mother first."""
    links = use.facts.current(code, ["parent"], on=use.today)
    custodians = {fact.key for fact in use.facts.current(code, ["custody"], on=use.today)}
    ordered = sorted(links, key=lambda link: link.value != "mother")
    return _related(use, [(link.key, link.value, link, link.key in custodians) for link in ordered])


def guardians_of(use: Use, code: str) -> tuple[Related, ...]:
    links = use.facts.current(code, ["guardian"], on=use.today)
    return _related(use, [(link.key, "guardian", link, False) for link in links])


def representatives_of(use: Use, code: str) -> frozenset[str]:
    """Who speaks for the person by law today: with custody, or as guardian; nobody whom an order keeps from them (`feared_by_family`)."""
    holders = {fact.key for fact in use.facts.current(code, ["custody", "guardian"], on=use.today)}
    return frozenset(holders - feared_by_family(use, code))


def disputants_of(use: Use, code: str) -> frozenset[str]:
    """Who says for the person that a fact is wrong: who speaks for them; of the dead, too, who did on the last day."""
    died = use.facts.value(code, "died", on=use.today)
    if died is None:
        return representatives_of(use, code)
    last = use.facts.current(code, ["custody", "guardian"], on=date.fromisoformat(died))
    return frozenset(fact.key for fact in last) - feared_by_family(use, code)


def relations_of(use: Use, code: str) -> tuple[Related, ...]:
    """Everybody the person is related to by a fact, and siblings."""
    parents, children = parents_of(use, code), children_of(use, code)
    spouses = use.facts.current(code, ["spouse"], on=use.today)
    wards = use.facts.entities_with("guardian", code, on=use.today)
    siblings: dict[str, Fact] = {}
    for parent in parents:
        for link in use.facts.entities_with("parent", parent.person.code, on=use.today):
            if link.entity != code:
                siblings.setdefault(link.entity, link)
    others = [
        *((link.key, "spouse", link, False) for link in spouses),
        *((code, "sibling", link, False) for code, link in siblings.items()),
        *((link.entity, "ward", link, False) for link in wards),
    ]
    return (*parents, *children, *guardians_of(use, code), *_related(use, others))


def find_persons(
    use: Use,
    *,
    family_name: str | None = None,
    given_names: str | None = None,
    born: date | None = None,
    country: Country | None = None,
    limit: int = 25,
    offset: int = 0,
) -> Page:
    """People by the beginning of their names (case and accents aside) and date of birth, ordered by name.

    Raises CallerError (`too_broad`): a family name or a date of birth is needed.
    """
    if born is None and not (family_name or "").strip():
        raise CallerError("a family name or a date of birth is needed", code="too_broad")
    conditions = []
    if family_name:
        conditions.append(persons.c.search_name.startswith(folded(family_name), autoescape=True))
    if given_names:
        conditions.append(persons.c.search_name.contains(f" {folded(given_names)}", autoescape=True))
    if born is not None:
        conditions.append(persons.c.born == born)
    if country is not None:
        conditions.append(persons.c.country == country)
    matching = and_(*conditions)
    total = use.connection.scalar(select(func.count()).select_from(persons).where(matching)) or 0
    query = select(persons.c.code).where(matching).order_by(persons.c.search_name, persons.c.code)
    codes = list(use.connection.scalars(query.limit(limit).offset(offset)))
    return Page(read_persons(use, codes), total)


# --- the index


def add_person(use: Use, code: str, born: date) -> None:
    """Somebody new, without a name as yet."""
    country = parse_identity_code(code).country
    use.connection.execute(insert(persons).values(code=code, country=country, search_name="", born=born))


def index_name(use: Use, code: str) -> None:
    """Let the person be found by the name of today."""
    names = use.facts.values_of([code], ["family_name", "given_names"], on=use.today)[code]
    search = folded(" ".join(names[name] for name in ("family_name", "given_names") if name in names))
    use.connection.execute(update(persons).where(persons.c.code == code).values(search_name=search))


# --- inside


def _related(use: Use, links: Iterable[tuple[str, str, Fact, bool]]) -> tuple[Related, ...]:
    listed = list(links)
    found = {person.code: person for person in read_persons(use, [code for code, *_ in listed])}
    return tuple(
        Related(
            found[code],
            relation,
            link.valid_from,
            link.id,
            custody,
            link.valid_to if link.name == "guardian" else None,
        )
        for code, relation, link, custody in listed
    )


def _person(code: str, facts: Sequence[Fact]) -> Person:
    values = {fact.name: fact.value for fact in facts if fact.key == ""}
    parents = {fact.value: fact.key for fact in facts if fact.name == "parent"}
    read = parse_identity_code(code)
    return Person(
        code=code,
        country=read.country,
        sex=read.sex,
        family_name=values.get("family_name"),
        given_names=values.get("given_names"),
        born=date.fromisoformat(values["born"]),
        died=date.fromisoformat(values["died"]) if "died" in values else None,
        birth_place=values.get("birth_place"),
        citizenships=tuple(fact.key for fact in facts if fact.name == "citizenship"),
        mother=parents.get("mother"),
        father=parents.get("father"),
        spouse=next((fact.key for fact in facts if fact.name == "spouse"), None),
    )
