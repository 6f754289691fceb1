"""Alembic revisions of the server configuration's schema. They run in `sild.database.open_database` and nowhere else."""
