"""Alembic revisions of the ACME client's database."""
