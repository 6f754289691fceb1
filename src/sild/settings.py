"""Settings: one frozen type per process, read once by its main from TOML; unknown keys are refused by name."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sild.errors import CallerError

__all__ = ["Settings", "read_settings"]


class Settings(BaseModel):
    """Base of every settings type. Units stand in the name or the comment of a field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnySettings = TypeVar("AnySettings", bound=Settings)


def read_settings(kind: type[AnySettings], path: Path) -> AnySettings:
    """Read `path` (TOML) as `kind`. Raises CallerError that names each wrong key and why."""
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror or error}", code="bad_request") from error
    except tomllib.TOMLDecodeError as error:
        raise CallerError(f"{path} is not TOML: {error}", code="bad_request") from error
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in error.errors()
        )
        raise CallerError(f"{path}: {wrong}", code="bad_request") from error
