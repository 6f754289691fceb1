"""Who used whose data: written with every use, in its transaction, in vain or not; shown to the person and to oversight.

The record is what `findUsage` (data tracker, protocol of e-gov/AJ) and the tracker of the portal are made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select

from sild.openid import ActingPerson
from sild.registries.identity_codes import (
    InvalidCompanyCode,
    InvalidIdentityCode,
    parse_company_code,
    parse_identity_code,
)
from sild.registries.kernel.tables import usage_persons, usage_records

__all__ = [
    "Line",
    "Spoken",
    "Usage",
    "UsageEntry",
    "UsagePage",
    "code_of",
    "find_lines",
    "find_usage",
    "record_usage",
    "usage_periods",
]

MOST_LINES = 200
"""Uses by one message that are looked at: one that was sent again and again."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Who said something for another, or applied for them, proved (`sild.openid.ActedFor`). delegate, representee: codes.

    proof: `jti` of the identity provider's token, which lies in the message.  also: the same of the others for whom they said it.
    """

    delegate: str
    representee: str
    mandate: str
    sha256: str
    basis: str
    proof: str
    also: tuple[Spoken, ...] = ()

    @classmethod
    def by(cls, person: ActingPerson) -> Spoken | None:
        """None: for themselves, or the token names no mandate."""
        if person.acted_for is None:
            return None
        delegate = code_of(person.subject)
        first, *also = (
            cls(delegate, code_of(one.representee), one.mandate, one.sha256, one.basis, person.token)
            for one in (person.acted_for, *person.also_for)
        )
        return replace(first, also=tuple(also))


@dataclass(frozen=True, slots=True)
class Usage:
    """Who asks, as the security server vouches for it: no data leaves a register without one.

    client: `INSTANCE/CLASS/CODE/SUBSYSTEM`.  message_id: x-road-id.  user_id: the person acting, `EE49001010005`, or the word
    `automatic`.  issue: the case.  basis: the one legal ground of this use.
    represented_party: of whom somebody acts for: `EE49001010005`, a company `EE10001012`, or with the class of X-Road
    before it, `PERSON/EE49001010005`.
    office: for which of those that work in it the information system asks, `birth@0793`, by its own word; None: it does not say.
    spoken: for whom they say it, or who applied for whom in the case, where that is proved; it is kept with what is decided, not here.
    """

    client: str
    message_id: str
    request_id: str | None = None
    user_id: str | None = None
    issue: str | None = None
    basis: str | None = None
    represented_party: str | None = None
    office: str | None = None
    spoken: Spoken | None = field(default=None, compare=False)

    @property
    def actor(self) -> str | None:
        """Identity code of the person acting; None: nobody is, a machine asks.

        With the country still before it if the code is not one of that country: the codes of Lithuania, say, have the form of
        Estonia's, and whoever has one must not pass for the Estonian with the same digits.
        """
        if self.user_id is None or self.user_id == "automatic":
            return None
        return code_of(self.user_id)

    @property
    def principal(self) -> str | None:
        """As `actor`, of whose word it is: who is represented, or else the person acting."""
        return code_of(self.represented_party.rpartition("/")[2]) if self.represented_party else self.actor

    @property
    def own(self) -> frozenset[str]:
        """Of what people say themselves (`SaidByPerson`): whose data is theirs to speak of. Who is represented, or else the person
        acting; and for whom they are proved to speak besides, in their own name.
        """
        said = self.spoken
        besides = (said, *said.also) if said is not None and said.delegate == self.actor else ()
        return frozenset(one for one in (self.principal, *(each.representee for each in besides)) if one)

    @property
    def acts_for_company(self) -> bool:
        """Whether the one who is represented has the code of a company."""
        try:
            return parse_company_code(self.principal or "") is not None and self.actor is not None
        except InvalidCompanyCode:
            return False


@dataclass(frozen=True, slots=True)
class UsageEntry:
    """operation: what was done, the OpenAPI operation.  outcome: `done`, or the code of the refusal."""

    id: int
    at: datetime
    operation: str
    outcome: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Line:
    """One use that the person may see. client: who asked, or was told.  persons: whose data it was about, by codes or pseudonyms."""

    at: datetime
    operation: str
    client: str
    request_id: str | None
    persons: frozenset[str]


@dataclass(frozen=True, slots=True)
class UsagePage:
    """total: all that fit and may be shown, of which `entries` are some, newest first.  withheld: by law, for now."""

    entries: tuple[UsageEntry, ...]
    total: int
    withheld: int = 0


def code_of(user: str) -> str:
    """Of somebody as messages name them: without the country if the code is one of that country (`Usage.actor`)."""
    country, code = user[:2], user[2:]
    return code if country.isalpha() and _may_be_of(country, code) else user


def _may_be_of(country: str, code: str) -> bool:
    """Of a person, or of a company, for which somebody acts."""
    try:
        return parse_identity_code(code).country == country
    except InvalidIdentityCode:
        pass
    try:
        return parse_company_code(code).country == country
    except InvalidCompanyCode:
        return country in ("EE", "VN")  # nobody's code: it opens nothing


def record_usage(
    connection: Connection, at: datetime, operation: str, outcome: str, usage: Usage, persons: Iterable[str]
) -> None:
    """One use and those whose data it concerned."""
    kept = {name: value for name, value in asdict(usage).items() if name != "spoken"}
    key = connection.scalar(
        insert(usage_records)
        .values(at=at, operation=operation, outcome=outcome, **kept)
        .returning(usage_records.c.id)
    )
    rows = [{"usage_record": key, "person": person} for person in dict.fromkeys(persons)]
    if rows:
        connection.execute(insert(usage_persons), rows)


def find_usage(
    connection: Connection,
    persons: Sequence[str],
    *,
    withheld: ColumnElement[bool],
    begin: datetime | None = None,
    end: datetime | None = None,
    limit: int = 1_000,
    offset: int = 0,
) -> UsagePage:
    """The uses of one person's data from `begin` up to `end` (not included). persons: their code, and what else they are called here; a use
    names them by one of these. withheld: which of them are counted only.
    """

    def of_person(query: Select[Any]) -> Select[Any]:
        query = query.join_from(usage_records, usage_persons).where(usage_persons.c.person.in_(persons))
        if begin is not None:
            query = query.where(usage_records.c.at >= begin)
        return query if end is None else query.where(usage_records.c.at < end)

    def count(*conditions: ColumnElement[bool]) -> int:
        return connection.scalar(of_person(select(func.count(usage_records.c.id))).where(*conditions)) or 0

    listed = of_person(select(usage_records)).where(~withheld)
    newest = listed.order_by(usage_records.c.id.desc()).limit(limit).offset(offset)
    entries = tuple(_entry(row) for row in connection.execute(newest))
    return UsagePage(entries, count(~withheld), count(withheld))


def find_lines(
    connection: Connection, persons: Sequence[str], message_id: str, *, withheld: ColumnElement[bool]
) -> tuple[Line, ...]:
    """The uses of one person's data by one message, the first first; none of an exchange of which any is withheld. persons: as `find_usage`."""
    kept = usage_records.c
    query = (
        select(kept.id, kept.at, kept.operation, kept.client, kept.request_id, withheld.label("withheld"))
        .join_from(usage_records, usage_persons)
        .where(usage_persons.c.person.in_(persons), kept.message_id == message_id)
        .order_by(withheld.desc(), kept.id)
        .limit(MOST_LINES)
    )
    rows = connection.execute(query).all()
    hidden = {(row.client, row.request_id) for row in rows if row.withheld}
    shown = {row.id: row for row in rows if (row.client, row.request_id) not in hidden}
    about: dict[int, set[str]] = {}
    of_shown = select(usage_persons).where(usage_persons.c.usage_record.in_(shown))
    for row in connection.execute(of_shown):
        about.setdefault(row.usage_record, set()).add(row.person)
    return tuple(
        Line(row.at, row.operation, row.client, row.request_id, frozenset(about[key]))
        for key, row in shown.items()
    )


def usage_periods(connection: Connection) -> tuple[datetime, datetime] | None:
    """When the first and the last use were recorded; None before the first."""
    first, last = connection.execute(select(func.min(usage_records.c.at), func.max(usage_records.c.at))).one()
    return None if first is None else (first, last)


def _entry(row: Any) -> UsageEntry:  # a row of `usage_records`
    usage = Usage(
        client=row.client,
        message_id=row.message_id,
        request_id=row.request_id,
        user_id=row.user_id,
        issue=row.issue,
        basis=row.basis,
        represented_party=row.represented_party,
        office=row.office,
    )
    return UsageEntry(row.id, row.at, row.operation, row.outcome, usage)
