"""What an auditor's mandate lets them look at: bodies, algorithms, services, days of decisions, classes of what is sealed.

Closed by default: what a scope does not name it does not cover. `*` names all of a kind; classes are always named one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

from sild.errors import CallerError

__all__ = ["AUDITOR", "AuditScope", "OutOfScope", "parse_audit_scope"]

AUDITOR = "AUDIT:AUDITOR"
"""The role of a mandate that has a scope."""
EVERY = "*"
OutOfScope = Literal["body", "algorithm", "service", "day"]
_LISTS = ("bodies", "algorithms", "services", "classes")
MOST = 100


@dataclass(frozen=True, slots=True)
class AuditScope:
    """bodies: members, `GOV/70000004`.  algorithms, services: ids.  first_day, last_day: of decisions, both included; None: open.

    classes: of sealed values that may be opened.  basis: the law that gives the power.  matter: number of the supervision's file.
    """

    bodies: tuple[str, ...]
    algorithms: tuple[str, ...]
    services: tuple[str, ...]
    classes: tuple[str, ...]
    basis: str
    matter: str
    first_day: date | None = None
    last_day: date | None = None

    def covers_body(self, body: str) -> bool:
        return _named(body, self.bodies)

    def covers_algorithm(self, algorithm: str | None) -> bool:
        """None: of a decision that no algorithm took part in."""
        return EVERY in self.algorithms or (algorithm is not None and algorithm in self.algorithms)

    def outside(self, *, body: str, algorithm: str | None, service: str, day: date) -> OutOfScope | None:
        """What of a decision is not covered; None: all of it is. day: of the decision, in the country's calendar."""
        if not self.covers_body(body):
            return "body"
        if not self.covers_algorithm(algorithm):
            return "algorithm"
        if not _named(service, self.services):
            return "service"
        if not (self.first_day or day) <= day <= (self.last_day or day):
            return "day"
        return None

    def to_json(self) -> dict[str, Any]:  # JSON
        found = asdict(self)
        days = {name: found[name].isoformat() if found[name] else None for name in ("first_day", "last_day")}
        return {**found, **{name: list(found[name]) for name in _LISTS}, **days}


def parse_audit_scope(content: object) -> AuditScope:
    """content: JSON, as `to_json` gives it. Raises CallerError (`invalid_scope`): a scope that is not clear gives no right at all."""
    if not isinstance(content, Mapping) or set(content) - set(AuditScope.__dataclass_fields__):
        raise CallerError("not the scope of a supervision", code="invalid_scope")
    try:
        scope = AuditScope(
            bodies=_names(content["bodies"]),
            algorithms=_names(content["algorithms"]),
            services=_names(content["services"]),
            classes=_names(content["classes"]),
            basis=str(content["basis"]).strip(),
            matter=str(content["matter"]).strip(),
            first_day=_day(content.get("first_day")),
            last_day=_day(content.get("last_day")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CallerError(f"not the scope of a supervision: {error}", code="invalid_scope") from error
    if not scope.basis or not scope.matter or EVERY in scope.classes:
        raise CallerError("a scope names its ground, its file, and each class", code="invalid_scope")
    if scope.first_day and scope.last_day and scope.last_day < scope.first_day:
        raise CallerError("the last day lies before the first", code="invalid_scope")
    return scope


def _named(name: str, names: tuple[str, ...]) -> bool:
    return EVERY in names or name in names


def _names(content: object) -> tuple[str, ...]:
    if not isinstance(content, list | tuple) or len(content) > MOST:
        raise ValueError("a list of names")
    if not all(isinstance(name, str) and name for name in content):
        raise ValueError("names are texts")
    return tuple(content)


def _day(content: object) -> date | None:
    return None if content is None else date.fromisoformat(str(content))
