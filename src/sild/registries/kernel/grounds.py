"""The closed list of legal grounds: which of them each operation of a register accepts, by its own settings; nothing else opens it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from sild.errors import CallerError

__all__ = ["Grounds"]


class Grounds:
    """accepted: operation (OpenAPI's `operationId`; a pattern with `*`) -> grounds. An operation accepts those of every pattern that fits.

    Grounds({"*": ["PKTS § 22"], "getFacts": ["GDPR 15"]})
    """

    def __init__(self, accepted: Mapping[str, Collection[str]]) -> None:
        self._accepted = {pattern: frozenset(grounds) for pattern, grounds in accepted.items()}

    def of(self, operation: str) -> list[str]:
        """In their order, for people; empty: nobody may."""
        found = [one for pattern, one in self._accepted.items() if fnmatchcase(operation, pattern)]
        return sorted(frozenset().union(*found))

    def ensure(self, operation: str, ground: str) -> None:
        """Raises CallerError (`ground_not_accepted`), which says whose fault it is and what would be right."""
        accepted = self.of(operation)
        if ground not in accepted:
            raise CallerError(
                f"{operation} is not done on this ground. The asking system names another of its grounds, or its law is entered in the "
                f"settings of this register. Accepted: {'; '.join(accepted) or 'none'}",
                code="ground_not_accepted",
            )
