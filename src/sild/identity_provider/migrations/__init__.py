"""Alembic revisions of the identity provider's database."""
