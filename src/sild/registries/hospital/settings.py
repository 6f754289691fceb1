"""What the ward is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sild.identity_client import Pen, ProviderClient

__all__ = ["WardSettings"]


@dataclass(frozen=True, slots=True)
class WardSettings:
    """url: the origin at which midwives and doctors open it.  provider: as which it is registered.  organisation, roles: the hospital's
    member code, and the roles of it that may write notices, as the identity provider has them.  death_roles: of these, who may of a death.

    pen: with which they sign; None: nobody signs here, and notices wait.
    """

    url: str
    provider: ProviderClient
    organisation: str
    pen: Pen | None
    roles: tuple[str, ...] = ("midwife", "doctor")
    death_roles: tuple[str, ...] = ("doctor",)
    languages: tuple[str, ...] = ("et", "vi", "en")
    session_idle: timedelta = timedelta(minutes=15)
    session_longest: timedelta = timedelta(hours=12)
    login: timedelta = timedelta(minutes=15)
    checked_for: timedelta = timedelta(minutes=4)
