"""The silence switch: after a death, a stillbirth or a protection order nothing that waits about the person is sent.

It may come before, between or after the events it silences, so it is remembered as a fact, and looked at in the same transaction
in which anything about the person is written. Two such transactions about one person never overlap (`Use.alone`): else a notice
could be written beside the silence that does not see it.

Whom an order protects is met by nobody whom it is against: what a register knows of doors they go through (a school, a kindergarten,
a doctor) is kept from readers as `is_kept_from` says. There may be several silences at once, a death and an order: each counts.

An order holds what waits from its first day on, and what it held goes on when nothing else keeps it: on the day after its last, or when
it is over before, or only covers who it named. What an order has made people see to stays with them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sild.errors import PeerError
from sild.events import Event, Outbox
from sild.registries.identity_codes import InvalidIdentityCode, parse_identity_code
from sild.registries.kernel import Fact, Provenance, Use, days_said_last, is_kept_from
from sild.registries.tasks.queue import Task, Tasks

__all__ = ["ANNULLED", "BEGIN", "COVERED", "ENDED", "ORDER", "RESUME", "SILENCING", "Silence", "silence_key"]

SILENCING = {
    "civil.death.registered": "death",
    "civil.stillbirth.recorded": "stillbirth",
    "civil.protection.ordered": "protection_order",
}
"""Event -> why there is silence. After a protection order people go on by hand; after the others nobody does."""

ANNULLED = "civil.death.annulled"
"""A death was none: its silence ends, and no other."""
ENDED = "civil.protection.ended"
"""No order keeps this one away on these days any longer."""
FACT = "silence"
LIVES = "lives"
"""Until when whatever was told of a death is wrong: it may come late."""
DEATH = "death"
ORDER = "protection_order"
COVERED = "covered"
"""By the order of a parent, which does not name them (`through`): kept from readers, while what is done for them goes on."""
RESUME = "resume"
"""The task of the day after an order's last day, or of an annulled death: what was held goes on."""
BEGIN = "order_begins"
"""The task of an order's first day: what waits is held."""


FamilyOf = Callable[[Use, str], Collection[str]]
"""Who may decide for a person, as far as a register knows."""


def _nobody(_use: Use, _person: str) -> Collection[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Silence:
    """types: patterns of this register's events that are never sent about a silenced person.  kinds: of tasks, likewise."""

    tasks: Tasks
    outbox: Outbox
    types: Sequence[str]
    kinds: Sequence[str]

    def fall(self, use: Use, event: Event) -> str | None:
        """Cancel what waits about the event's subject, now and later; the reason.

        None: of whom an order only covers, of an order that has not begun or is over when it is heard, or of a death that was annulled since,
        nothing is cancelled.
        """
        use.alone(silence_key(event.subject))
        if SILENCING[event.type] == ORDER:
            return self._order(use, event)
        reason = SILENCING[event.type]
        lives = use.facts.value(event.subject, LIVES, on=use.today)
        if reason == DEATH and lives is not None and event.time < datetime.fromisoformat(lives):
            return None
        said = Provenance(event.source, event.type, use.usage.message_id)
        use.facts.record(
            event.subject, FACT, reason, valid_from=use.today, valid_to=None, key=reason, provenance=said
        )
        self.tasks.cancel(use.connection, event.subject, self.kinds, use.at, reason)
        self.outbox.cancel(use.connection, event.subject, self.types)
        return reason

    def end(self, use: Use, event: Event) -> None:
        """On the event's days no order keeps this one from the subject; what was held of it goes on from the first of them."""
        use.alone(silence_key(event.subject))
        begins, ends = _days(event, use.today)
        for begin, end in days_said_last(use, event, _whom(event) or "", begins, ends):
            self._free(use, event, begin, end)
            self._on(use, RESUME, event, begin)
            self._on(use, BEGIN, event, end)

    def begin(self, use: Use, person: str) -> bool:
        """An order's first day has come: what waits is held, unless the order is over before it began (False)."""
        use.alone(silence_key(person))
        in_force = any(one.value == ORDER for one in use.facts.current(person, [FACT], on=use.today))
        if in_force:
            self._hold(use, person)
        return in_force

    def _order(self, use: Use, event: Event) -> str | None:
        """What it says of its days, in the place of what was heard before; `protection_order`, when it holds what waits from today on."""
        reason, holds = _reason(event), False
        said = Provenance(event.source, event.type, use.usage.message_id)
        begins, ends = _days(event, use.today)
        for begin, end in days_said_last(use, event, _whom(event) or "", begins, ends):
            freed = self._free(use, event, begin, end)
            use.facts.record(
                event.subject, FACT, reason, valid_from=begin, valid_to=end, key=_key(event), provenance=said
            )
            if reason == ORDER:
                holds = holds or (begin <= use.today and (end is None or use.today < end))
                self._on(use, BEGIN, event, begin if begin > use.today else None)
                self._on(use, RESUME, event, end)
            elif freed:
                self._on(use, RESUME, event, begin)
                self._on(use, BEGIN, event, end)
        if not holds:
            return None
        self._hold(use, event.subject)
        return ORDER

    def _free(self, use: Use, event: Event, begin: date, end: date | None) -> int:
        """Of these days nothing is known any more about the one whom the event names; of how many facts."""
        against = _whom(event)
        keys = [reason if against is None else _against(against, reason) for reason in (ORDER, COVERED)]
        return sum(
            use.facts.retract(event.subject, FACT, key=key, valid_from=begin, valid_to=end) for key in keys
        )

    def _on(self, use: Use, kind: str, event: Event, day: date | None) -> None:
        """On that day what waits is held, or goes on, by what holds then."""
        if day is not None:
            about = {"source": event.source} if kind == BEGIN else None
            at = max(use.at, use.morning_of(day))
            self.tasks.add(use, kind, event.subject, cause=f"{event.id}/{day}"[:255], about=about, at=at)

    def _hold(self, use: Use, person: str) -> None:
        self.tasks.cancel(use.connection, person, self.kinds, use.at, ORDER, hold=True)
        self.outbox.cancel(use.connection, person, self.types)

    def lift(self, use: Use, event: Event) -> datetime | None:
        """The subject's death was none. What it cancelled waits again, or is held for an order; what was held elsewhere because of it goes on.

        Since when there was silence; None: nobody here had heard of the death, it was over, or the child never lived.
        """
        person = event.subject
        use.alone(silence_key(person))
        said = Provenance(event.source, event.type, use.usage.message_id)
        use.facts.record(person, LIVES, event.time.isoformat(), valid_from=use.today, provenance=said)
        heard = [one for one in use.facts.history(person, FACT, key=DEATH) if one.known_to is None]
        if not heard:
            return None
        use.facts.retract(person, FACT, key=DEATH, valid_from=heard[0].valid_from)
        if any(one.value == "stillbirth" for one in use.facts.current(person, [FACT], on=use.today)):
            return None
        since = heard[0].known_from
        self.wait_again(use, person, self.kinds, since)
        self.tasks.add(use, RESUME, person, cause=event.id, about={"reason": DEATH})
        return since

    def wait_again(self, use: Use, person: str, kinds: Sequence[str], since: datetime) -> None:
        """Tasks of these kinds that a death cancelled. since: when it was heard of."""
        left = self.known(use, person)
        self.tasks.revive(use, person, kinds, DEATH, since, held_for=left)

    async def resume(self, task: Task) -> Callable[[Use], None]:
        """Handler of `RESUME`: what was held of an order, or of a death, goes on, of everybody about whom there is silence no longer."""
        reason = str(task.about.get("reason", ORDER))

        def change(use: Use) -> None:
            if (
                "of" not in task.about
            ):  # money for a child is held for its receiver's sake, too: each under a lock of its own
                for subject in self.tasks.held_of(use, self.kinds, reason):
                    cause = f"{task.cause}/{task.id}"
                    about = {"of": task.subject, "reason": reason}
                    self.tasks.add(use, RESUME, subject, cause=cause, about=about)
            elif self.known(use, task.subject) is None:
                self.tasks.resume(use, task.subject, self.kinds, reason)

        return change

    def reason(self, use: Use, child: str, *others: str) -> str | None:
        """Why nothing may be sent about the child, or to these others, if so. It stays true until the transaction ends.

        A mother's stillbirth says nothing of her other children, so of the others only death and protection count.
        """
        use.alone(*map(silence_key, (child, *others)))
        return self.known(use, child, *others)

    def known(self, use: Use, child: str, *others: str) -> str | None:
        """As `reason`, but one may fall the next moment: for a refusal, or when `reason` has been asked about all of them."""
        for person in (child, *others):
            for fact in use.facts.current(person, [FACT], on=use.today):
                if fact.value != COVERED and (person == child or fact.value != "stillbirth"):
                    return str(fact.value)
        return None

    def is_kept_away(self, use: Use, person: str, child: str) -> bool:
        """Whether an order keeps the person from the child today, whether it names the child or only covers it."""
        found = use.facts.current(child, [FACT], on=use.today)
        return any(fact.key in (_against(person), _against(person, COVERED)) for fact in found)

    def has_died(self, use: Use, person: str) -> bool:
        return any(fact.value == DEATH for fact in use.facts.current(person, [FACT], on=use.today))

    def is_protected(self, use: Use, person: str) -> bool:
        """Whether an order protects them now, or they never lived: whatever else is true of them."""
        found = use.facts.current(person, [FACT], on=use.today)
        return any(fact.value in (ORDER, COVERED, "stillbirth") for fact in found)

    def is_kept_from(self, use: Use, person: str, family: Collection[str] = ()) -> bool:
        """Whether this reader is not told through which doors a protected person goes. family: who may decide for them, as far as is known.

        Of the stillborn nobody is told; under an order as `sild.registries.kernel.is_kept_from` says.
        """
        found = use.facts.current(person, [FACT], on=use.today)
        if any(fact.value == "stillbirth" for fact in found):
            return True
        orders = [fact.key.partition("/")[2] or None for fact in found if fact.value in (ORDER, COVERED)]
        return is_kept_from(use.usage, person, orders, family)

    def open_facts(
        self, use: Use, facts: Sequence[Fact], *, always: Collection[str] = (), family: FamilyOf = _nobody
    ) -> list[Fact]:
        """What this reader is told: of a protected person, where they are kept from the reader, the facts of these names alone."""
        of = {fact.entity for fact in facts if fact.name not in always}
        kept = {person for person in of if self.is_kept_from(use, person, family(use, person))}
        return [fact for fact in facts if fact.name in always or fact.entity not in kept]

    def kept_from(self, use: Use) -> Sequence[str]:
        """Who may be kept from this reader: protected against them or whom they act for, against somebody unknown, or whom they act for."""
        whose = [code for code in dict.fromkeys((use.usage.actor, use.usage.principal)) if code is not None]
        named = [
            fact
            for key in (ORDER, COVERED, *(_against(one, of) for one in whose for of in (ORDER, COVERED)))
            for fact in use.facts.entities_with(FACT, key, on=use.today)
        ]
        return list(dict.fromkeys([*(fact.entity for fact in named), *whose]))


def silence_key(subject: str) -> str:
    return f"silence/{subject}"


def _key(event: Event) -> str:
    """One silence of each reason; of orders, one for each whom they are against: behind a `/`, where the event names them."""
    reason, against = _reason(event), _whom(event)
    return reason if against is None else _against(against, reason)


def _whom(event: Event) -> str | None:
    """Whom an order is against; None: nobody said, or not so that it can be read: then it is kept from the more readers."""
    against = event.data.get("against")
    if not isinstance(against, str):
        return None
    try:
        return parse_identity_code(against).text
    except InvalidIdentityCode:
        return None


def _reason(event: Event) -> str:
    reason = SILENCING[event.type]
    return COVERED if reason == ORDER and event.data.get("through") else reason


def _against(person: str | None, reason: str = ORDER) -> str:
    return f"{reason}/{person}"


def _days(event: Event, today: date) -> tuple[date, date | None]:
    """Of an order."""
    try:
        written = event.data.get("valid_from"), event.data.get("valid_to")
        begin, end = (date.fromisoformat(day) if day else None for day in written)
    except (TypeError, ValueError):
        raise PeerError("the order's days are no dates", code="invalid_event") from None
    return begin or today, end
