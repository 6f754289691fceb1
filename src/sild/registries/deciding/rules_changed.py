"""What a new version of a rule package would give otherwise (`sild decisions recompute`), taken up by the register whose decisions these are.

Each goes the way of what a corrected fact reached: a rule decides it again, by the newest version that is loaded here and from the
facts as they are now, or it is listed for people, with a day.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sild.decisions import RULES, Ripple, list_ripples
from sild.errors import PlatformError, Unavailable
from sild.events import Event
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.ripple import BY_PEOPLE_ONLY, BY_RULE, list_for_people, people_of
from sild.registries.identity_codes import Country
from sild.telemetry import get_logger

__all__ = ["TakesUpRules", "take_up_rules"]

log = get_logger("register")


def take_up_rules(deciding: Deciding) -> int:
    """How many were taken up now. Blocks. Killed anywhere it goes on, and each is taken up once.

    One that cannot be taken up is said in the log, waits, and holds up no other. Raises Unavailable (`database_error`).
    """
    count = 0
    with deciding.kernel.engine.connect() as connection:
        waiting = list_ripples(connection, state="waiting", concept=RULES, limit=None)
    for ripple in waiting:
        try:
            count += _take_up(deciding, ripple)
        except Unavailable:
            raise  # the database is away, for all of them
        except PlatformError as error:
            log.refusal("register.ripple_not_taken_up", error, ripple=ripple.id)
        except Exception as error:  # noqa: BLE001  (kept as it is, and tried again; the next one is not its fault)
            log.bug("register.ripple_not_taken_up", error, ripple=ripple.id)
    return count


def _take_up(deciding: Deciding, ripple: Ripple) -> bool:
    kernel = deciding.kernel
    told = Event(
        id=f"rules-{ripple.id}",
        source=kernel.system,
        type="decision.rules_changed",
        subject=ripple.decision,
        time=kernel.now,
    )
    with kernel.applying(told, told.id) as use:
        if use is None:
            return False
        record = deciding.store.find(use.connection, ripple.decision).record
        package = None if record.rules is None else deciding.packages.get(record.rules.sha256)
        country: Country = "VN" if package is not None and package.country == "VN" else "EE"
        is_ours = record.kind == "rule" and record.automation == BY_RULE and record.discretion == "bound"
        if not is_ours or not deciding.decides_again(use, ripple.id, record, told.id):
            reason = BY_PEOPLE_ONLY if is_ours else "discretion"
            list_for_people(use, ripple.id, reason, country, people_of(deciding, use, ripple.decision))
        return True


class TakesUpRules:
    """In the register's process: whoever recomputes does it beside it, on its database."""

    def __init__(self, deciding: Deciding, interval: timedelta) -> None:
        self._deciding = deciding
        self._interval = interval

    async def run(self) -> None:
        """Until cancelled; a database that is away is asked again."""
        while True:
            try:
                if count := await asyncio.to_thread(take_up_rules, self._deciding):
                    log.info("register.rules_taken_up", count=count)
            except PlatformError as error:
                log.refusal("register.rules_not_taken_up", error)
            await asyncio.sleep(self._interval.total_seconds())
