"""What is the register's own beside its facts: national address data, and whom it knows.

`residents` says who was ever said to live in a dwelling, so that they are found; whether they do, the facts say.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, MetaData, String, Table

__all__ = ["addresses", "dwellings", "metadata", "persons", "residents"]

metadata = MetaData()

addresses = Table(
    "addresses",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("country", String(2), nullable=False),
    Column("division", String(10), nullable=False, index=True),
    Column("region", String(100), nullable=False),
    Column("municipality", String(100), nullable=False),
    Column("street", String(100), nullable=False),
    Column("house", String(20), nullable=False),
    Column("postal_code", String(10), nullable=False),
    Column("search_text", String(400), nullable=False),  # folded words, a space before and after each
)

dwellings = Table(
    "dwellings",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("address", ForeignKey("addresses.id"), nullable=False, index=True),
    Column("apartment", String(20)),
)

persons = Table("persons", metadata, Column("code", String(12), primary_key=True))

residents = Table(
    "residents",
    metadata,
    Column("dwelling", ForeignKey("dwellings.id"), primary_key=True),
    Column("person", String(12), primary_key=True),
)
