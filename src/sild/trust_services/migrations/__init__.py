"""Alembic revisions of the trust services' database."""
