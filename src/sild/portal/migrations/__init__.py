"""Alembic revisions of the portal's database."""
