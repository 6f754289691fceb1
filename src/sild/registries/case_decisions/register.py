"""The records of a case system, with the keys of the body that decides in it."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from sild.clock import Clock, system_clock
from sild.decisions import DECISION_MIGRATIONS
from sild.registries.deciding import Certify, Deciding
from sild.registries.kernel import Kernel
from sild.rule_engine import RuleEngine

__all__ = ["CaseDecisions"]


class CaseDecisions:
    """kernel: on the case system's database; its tables of facts stay empty, uses are recorded in it."""

    def __init__(self, kernel: Kernel, deciding: Deciding) -> None:
        self.kernel = kernel
        self.deciding = deciding

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str,
        *,
        system: str,
        exchanged_by: str,
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
        rules: RuleEngine | None = None,
        certify: Certify | None = None,
    ) -> Self:
        """directory: of the body's keys.  database_url: of the case system.  system: `/INSTANCE/CLASS/CODE/SUBSYSTEM` of the body.

        exchanged_by: the subsystem whose messages brought the facts, `INSTANCE/CLASS/CODE/SUBSYSTEM`.
        Raises Unavailable (`database_error`, `key_not_found`).
        """
        kernel = Kernel.open(database_url, system, DECISION_MIGRATIONS, zone=zone, clock=clock)
        deciding = Deciding.open(kernel, directory, clock=clock, engine=rules, certify=certify)
        deciding.exchanged_by = exchanged_by
        return cls(kernel, deciding)

    def close(self) -> None:
        self.kernel.close()
