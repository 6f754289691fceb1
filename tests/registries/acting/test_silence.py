"""The silence switch as an invariant: whatever comes in whatever order, nothing goes out about a child after its silence fell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import insert

from sild.errors import CallerError, Unavailable
from sild.events import DeliveryState, Dispatcher, Event, Subscription
from sild.registries.education.register import EducationRegister
from sild.registries.education.tables import groups, kindergartens
from sild.registries.identity_codes import estonia
from sild.registries.insurance.register import InsuranceRegister
from sild.registries.social.register import SocialRegister
from sild.registries.tasks import ActingRegister

from .conftest import FATHER, MOTHER, USAGE, Others, SetClock, event

PEOPLE_DIE = ("civil.death.registered", "civil.stillbirth.recorded")
OFFICIALS = ("social.offer.held", "social.payment.ordered")
"""What tells officials and the treasury, not the family."""

NUMBERS = count()


class State:
    """Three registers, opened once; each example is about a child of its own."""

    def __init__(self, directory: Path, others: Others, clock: SetClock) -> None:
        self.clock = clock
        self.others = others
        self.insurance = InsuranceRegister.open(directory / "insurance", people=0, clock=clock)
        self.social = SocialRegister.open(directory / "social", people=0, clock=clock)
        self.education = EducationRegister.open(directory / "education", people=0, clock=clock)
        self.all: tuple[ActingRegister, ...] = (self.insurance, self.social, self.education)
        for register in self.all:
            register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["*"])
        with self.education.kernel.engine.begin() as connection:
            connection.execute(insert(kindergartens).values(id=1, name="K", division="0784"))
            connection.execute(insert(groups).values(kindergarten=1, age_from=0, age_to=7, capacity=10_000))

    def close(self) -> None:
        for register in self.all:
            register.close()


@pytest.fixture
def state(tmp_path: Path, others: Others, clock: SetClock) -> Iterator[State]:
    state = State(tmp_path, others, clock)
    yield state
    state.close()


def machine(state: State) -> type[RuleBasedStateMachine]:
    class Silence(RuleBasedStateMachine):
        @initialize()
        def a_child(self) -> None:
            number = next(NUMBERS)
            born = date(2026, 1, 1) - timedelta(days=number % 300)
            self.child = estonia.make(born, "F", number // 300 + 1)
            state.others.person(self.child, born.isoformat(), mother=MOTHER, father=FATHER)
            self.birth = event("civil.birth.registered", self.child)
            self.silent: set[ActingRegister] = set()
            self.started_after: list[tuple[str, str]] = []
            self.away = False

        # --- what happens

        @rule(register=st.sampled_from(state.all), anew=st.booleans())
        def born(self, register: ActingRegister, anew: bool) -> None:
            """Once, twice by the same event, or told again by another."""
            told = event("civil.birth.registered", self.child) if anew else self.birth
            register.apply_event(told, f"m-{next(NUMBERS)}")

        @rule(register=st.sampled_from(state.all), kind=st.sampled_from(PEOPLE_DIE))
        def dies(self, register: ActingRegister, kind: str) -> None:
            register.apply_event(event(kind, self.child), f"m-{next(NUMBERS)}")
            self.silent.add(register)

        @rule(register=st.sampled_from(state.all))
        def moves(self, register: ActingRegister) -> None:
            try:
                moved = event("residence.changed", self.child, source="/SILD/GOV/70000006/residence")
                register.apply_event(moved, f"m-{next(NUMBERS)}")
            except CallerError as refusal:
                assert refusal.code == "event_not_taken"

        @rule(
            register=st.sampled_from(state.all), down=st.sampled_from([(), ("residence",), ("population",)])
        )
        def works(self, register: ActingRegister, down: tuple[str, ...]) -> None:
            state.others.down = set(down)
            asyncio.run(register.worker(state.others).work())
            state.others.down = set()

        @rule(
            choice=st.sampled_from(["mother", "father", "shared"]), parent=st.sampled_from([MOTHER, FATHER])
        )
        def accepts(self, choice: str, parent: str) -> None:
            for offer in state.social.offers_of(self.child, USAGE):
                usage = replace(USAGE, user_id=f"EE{parent}", message_id=f"m-{next(NUMBERS)}")
                try:
                    state.social.accept(offer.id, choice, "EE382200221020145685", usage)
                except CallerError as refusal:
                    assert refusal.code in ("already_accepted", "offer_withdrawn")
                else:
                    assert state.social not in self.silent

        @rule()
        def wishes(self) -> None:
            usage = replace(USAGE, user_id=f"EE{MOTHER}", message_id=f"m-{next(NUMBERS)}")
            try:
                state.education.wish(self.child, 1, None, usage)
            except CallerError as refusal:
                assert refusal.code in ("not_in_queue", "already_attending", "person_is_dead")

        @rule(minutes=st.sampled_from([0, 1, 20, 60 * 24 * 40]))
        def time_passes(self, minutes: int) -> None:
            state.clock.forward(minutes=minutes)

        @rule(register=st.sampled_from(state.all), away=st.booleans())
        def sends(self, register: ActingRegister, away: bool) -> None:
            async def deliver(_subscription: Subscription, sent: Event) -> str | None:
                if sent.subject == self.child and register in self.silent and sent.type not in OFFICIALS:
                    self.started_after.append((sent.type, sent.subject))
                if away:
                    raise Unavailable("away")
                return "m"

            asyncio.run(Dispatcher(register.kernel.outbox, deliver, clock=state.clock).dispatch())

        # --- what is true at any time

        @invariant()
        def nothing_was_sent_after_it(self) -> None:
            assert self.started_after == []

        @invariant()
        @precondition(lambda self: bool(getattr(self, "silent", None)))
        def nothing_waits(self) -> None:
            for register in self.silent:
                for delivery in register.kernel.outbox.deliveries_about(self.child):
                    if delivery.event.type not in OFFICIALS:
                        assert delivery.state is not DeliveryState.PENDING, delivery.event.type

        @invariant()
        def the_dead_have_no_place(self) -> None:
            if state.education in self.silent:
                try:
                    assert state.education.standing(self.child, USAGE).child.state == "left"
                except CallerError as refusal:
                    assert refusal.code == "not_in_queue"

        @invariant()
        def money_once(self) -> None:
            for offer in state.social.offers_of(self.child, USAGE):
                orders = state.social.payment_orders(USAGE, offer=offer.id)
                keys = [(order.benefit, order.person, order.period) for order in orders]
                assert len(keys) == len(set(keys))
                if state.social in self.silent:
                    assert offer.state == "withdrawn"

    return Silence


def test_nothing_goes_out_after_silence(state: State) -> None:
    run_state_machine_as_test(
        machine(state),
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
