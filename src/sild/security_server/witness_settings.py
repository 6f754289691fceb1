"""Settings of what a server's message log says about a person (`log_witness`)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from sild.settings import Settings, read_secret

__all__ = ["WitnessSettings"]


class WitnessSettings(Settings):
    """All nodes of a server share `directory`'s files: the key that seals, and the key of the index."""

    subsystem: str = Field(default="messagelog", pattern=r"^[^/\s]+$")  # of the owner, as which it answers
    issuer: str  # the identity provider whose word is taken
    certificate_authorities: Path | None = None  # PEM, for the issuer's TLS; None: the system's
    directory: Path | None = None  # of the keys; None: `directory`/witness of the server
    password: SecretStr | None = None  # of the key that seals
    password_file: Path | None = None  # its first line
    untold: tuple[str, ...] = ()  # GOV/70000002/population/population/protection-orders: whom its bodies name

    @field_validator("issuer")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        is_local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")
        if not parts.hostname or parts.query or not (parts.scheme == "https" or is_local):
            raise ValueError("an https address, or http://localhost")
        return value.rstrip("/")

    def at(self, base: Path) -> WitnessSettings:
        """Relative paths start at `base`; the password is read. Raises CallerError."""
        names = ("certificate_authorities", "directory")
        given = {name: base / path for name in names if (path := getattr(self, name)) is not None}
        file = None if self.password_file is None else base / self.password_file
        password = SecretStr(read_secret(self.password, file))
        return self.model_copy(update={**given, "password": password, "password_file": None})
