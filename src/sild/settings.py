"""Settings: one frozen type per process, read once by its main from TOML; unknown keys are refused by name."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from sild.errors import CallerError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["LogLevel", "Settings", "read_secret", "read_settings"]

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Settings(BaseModel):
    """Base of every settings type. Units stand in the name or the comment of a field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnySettings = TypeVar("AnySettings", bound=Settings)


def read_settings(kind: type[AnySettings], path: Path) -> AnySettings:
    """Read `path` (TOML) as `kind`. Raises CallerError that names each wrong key and why, and no value: it may be a secret."""
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror or error}", code="bad_request") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallerError(f"{path} is not TOML: {error}", code="bad_request") from error
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(_explain(fault) for fault in error.errors())
        raise CallerError(f"{path}: {wrong}", code="bad_request") from None  # the cause would show values


def read_secret(value: SecretStr | None, file: Path | None) -> str:
    """A PIN or password from the settings, or the first line of `file`. Raises CallerError."""
    if value is not None:
        return value.get_secret_value()
    if file is None:
        raise CallerError("neither a secret nor a file that holds it")
    try:
        return file.read_text().partition("\n")[0]
    except OSError as error:
        raise CallerError(f"{file}: {error.strerror or error}") from error


def _explain(fault: ErrorDetails) -> str:
    reasons = {"extra_forbidden": "no such setting", "missing": "is needed"}
    reason = reasons.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    where = ".".join(str(step) for step in fault["loc"])
    return f"{where}: {reason}" if where else reason
