"""Alembic revisions of people's signing keys."""
