"""Facts, uses and answers given. A fact changes once, when we know better: then it gets its `known_to`."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

from sild.database import UtcDateTime

__all__ = [
    "answers",
    "facts",
    "spent_proofs",
    "tally_openings",
    "usage_persons",
    "usage_records",
    "withholdings",
]

metadata = MetaData()

facts = Table(
    "facts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("origin", ForeignKey("facts.id")),  # the fact this one is a rest of; none: said as it stands
    Column("entity", String(100), nullable=False),
    Column("name", String(100), nullable=False),
    Column("key", String(100), nullable=False),  # "" unless the name may hold several values at once
    Column("value", JSON, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),  # the first day on which it is no longer true
    Column("known_from", UtcDateTime, nullable=False),
    Column("known_to", UtcDateTime),
    Column(
        "source", String(1_100), nullable=False
    ),  # `INSTANCE/CLASS/CODE/SUBSYSTEM`, or a word of the register's own
    Column("basis", String(200), nullable=False),  # legal basis
    Column("message_id", String(255)),
    Index("facts_of_entity", "entity", "name", "key", "valid_from"),
    Index("facts_by_key", "name", "key"),
)

usage_records = Table(
    "usage_records",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("operation", String(100), nullable=False),
    Column("outcome", String(100), nullable=False),
    Column("client", String(1_100), nullable=False),
    Column("message_id", String(255), nullable=False),
    Column("request_id", String(255)),
    Column("user_id", String(255)),
    Column("issue", String(255)),  # the case
    Column("basis", String(255)),  # legal ground of the use
    Column("represented_party", String(600)),
    Column("office", String(100)),  # for which the client asked: `birth@0793`
    Index("usage_records_issue", "issue"),
)

usage_persons = Table(
    "usage_persons",
    metadata,
    Column("usage_record", ForeignKey("usage_records.id"), primary_key=True),
    Column("person", String(100), primary_key=True),  # by value: also a code asked for in vain
    Index("usage_of_person", "person", "usage_record"),
)
"""Whose data was given or asked for by a use."""

withholdings = Table(
    "withholdings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person", String(100), nullable=False, index=True),
    Column("client", String(1_100), nullable=False),
    Column("issue", String(255), nullable=False),
    Column("basis", String(255), nullable=False),
    Column("order", String(100), nullable=False),
    Column("begins", UtcDateTime, nullable=False),
    Column("ends", UtcDateTime, nullable=False),
)
"""Whose reads for which case the law keeps from the person, until when."""

tally_openings = Table(
    "tally_openings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("body", String(255), nullable=False),
    Column("person", String(100), nullable=False),
    Column("matter", String(255), nullable=False),
    Column("basis", String(255), nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
)
"""Who looked at the tally of withheld reads, for which body that supervises, in which file."""

answers = Table(
    "answers",
    metadata,
    Column("client", String(1_100), primary_key=True),
    Column("message_id", String(255), primary_key=True),
    Column("operation", String(100), nullable=False),
    Column("answer", JSON, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
"""What a message that changed something was answered: the same message again changes nothing and is answered the same."""

spent_proofs = Table(
    "spent_proofs",
    metadata,
    Column("token", String(255), primary_key=True),  # its `jti`
    Column("operation", String(100), primary_key=True),
    Column("message_id", String(255), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
"""For which message a person's proof was used: it counts for that one alone, however often it comes."""
