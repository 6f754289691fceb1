"""Every use leaves its record, in vain or not; a message that comes again changes nothing; events go with their change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from sild.errors import CallerError
from sild.events import Event
from sild.registries.kernel import Kernel
from sild.registries.kernel.telling import CHANGE, said_of_telling

from .conftest import SAID, SYSTEM, USAGE, SetClock

PERSON = "49001010005"
TOLD_OF = "38001085718"
EVENT = Event("e1", "/SILD/GOV/9/hospital", "health.birth.notified", PERSON, datetime(2026, 3, 2, tzinfo=UTC))


def test_a_use_is_recorded_with_who_why_and_which_case(kernel: Kernel, clock: SetClock) -> None:
    with kernel.used("getPerson", USAGE) as use:
        use.concerns(PERSON, "38001085718", PERSON)
    clock.forward(hours=1)
    with kernel.used("getChildren", replace(USAGE, message_id="message-2")) as use:
        use.concerns(PERSON)
    page = kernel.usage_of(PERSON)
    assert [(e.operation, e.outcome, e.usage.message_id) for e in page.entries] == [
        ("getChildren", "done", "message-2"),
        ("getPerson", "done", "message-1"),
    ]
    assert page.entries[1].usage == USAGE
    assert kernel.usage_of("38001085718").total == 1
    assert kernel.usage_of(PERSON, begin=clock()).total == 1
    assert kernel.usage_of(PERSON, end=clock()).total == 1
    assert kernel.usage_of(PERSON, limit=1, offset=1).entries[0].operation == "getPerson"
    assert kernel.usage_periods() == (datetime(2026, 3, 2, 9, tzinfo=UTC), clock())


def test_a_refusal_takes_back_what_was_done_and_is_recorded(kernel: Kernel) -> None:
    kernel.outbox.subscribe("SILD/GOV/1/insurance", "events", ["*"])
    with pytest.raises(CallerError), kernel.used("register", USAGE) as use:
        use.concerns(PERSON)
        use.facts.record(PERSON, "name", "Mari", valid_from=date(2020, 1, 1), provenance=SAID)
        use.publish("civil.birth.registered", PERSON)
        raise CallerError("no", code="person_is_dead")
    assert [e.outcome for e in kernel.usage_of(PERSON).entries] == ["person_is_dead"]
    assert kernel.outbox.deliveries_about(PERSON) == ()
    with kernel.used("ask", USAGE) as use:
        assert use.facts.history(PERSON) == ()


def test_a_bug_takes_everything_back(kernel: Kernel) -> None:
    with pytest.raises(ZeroDivisionError), kernel.used("register", USAGE) as use:
        use.concerns(PERSON)
        use.facts.record(PERSON, "name", "Mari", valid_from=date(2020, 1, 1), provenance=SAID)
        _ = 1 / 0
    with kernel.used("ask", USAGE) as use:
        assert use.facts.history(PERSON) == ()


def test_events_go_with_the_change_and_name_the_case(kernel: Kernel) -> None:
    woken = []
    kernel.wake = lambda: woken.append(True)
    kernel.outbox.subscribe("SILD/GOV/1/insurance", "events", ["civil.*"])
    with kernel.used("register", USAGE) as use:
        sent = use.publish("civil.birth.registered", PERSON, {"day": "2026-03-01"})
    (delivery,) = kernel.outbox.deliveries_about(PERSON)
    assert delivery.event == sent
    assert (sent.source, sent.extensions) == (SYSTEM, {"caseid": "case-7"})
    assert woken == [True]


def test_the_same_message_again_is_answered_the_same(kernel: Kernel) -> None:
    for _ in range(2):
        with kernel.used("register", USAGE) as use:
            answer = use.answered()
            if answer is None:
                use.facts.record(PERSON, "name", "Mari", valid_from=date(2020, 1, 1), provenance=SAID)
                answer = use.answer({"id": 7})
        assert answer == {"id": 7}
    with kernel.used("ask", USAGE) as use:
        assert len(use.facts.history(PERSON)) == 1
    with pytest.raises(CallerError) as refused, kernel.used("somethingElse", USAGE) as use:
        use.answered()
    assert refused.value.code == "message_id_reused"


def test_an_event_that_comes_twice_takes_effect_once(kernel: Kernel) -> None:
    effects = []
    for message in ("m1", "m2"):
        with kernel.applying(EVENT, message) as use:
            if use is not None:
                use.facts.record(PERSON, "born", "2026-03-01", valid_from=date(2026, 3, 1), provenance=SAID)
                effects.append(use.usage.message_id)
    assert effects == ["m1"]


def test_an_event_whose_effect_was_refused_may_come_again(kernel: Kernel) -> None:
    with pytest.raises(CallerError), kernel.applying(EVENT, "m1") as use:
        assert use is not None
        raise CallerError("not yet", code="unknown_person")
    with kernel.applying(EVENT, "m2") as use:
        assert use is not None


def test_the_day_is_that_of_the_country(kernel: Kernel, clock: SetClock) -> None:
    clock.at = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
    assert kernel.today == date(2026, 3, 3), "half past midnight in Tallinn"


def test_who_is_told_of_somebody_is_a_use_once_however_often_it_is_tried(
    kernel: Kernel, clock: SetClock
) -> None:
    told = replace(
        EVENT,
        type="civil.birth.registered",
        subject=TOLD_OF,
        extensions={"caseid": "case-1"},
        data={"parents": [PERSON]},
    )
    for subscriber, message in (("/SILD/GOV/1/insurance", "m-1"), ("/SILD/GOV/2/school", "m-2")) * 2:
        kernel.telling(told, subscriber, message)
        clock.forward(seconds=2)
    page = kernel.usage_of(TOLD_OF)
    assert [(one.operation, one.usage.client, one.usage.message_id) for one in page.entries] == [
        ("tell civil.birth.registered", "SILD/GOV/2/school", "m-2"),
        ("tell civil.birth.registered", "SILD/GOV/1/insurance", "m-1"),
    ]
    assert {(one.usage.user_id, one.usage.issue, one.usage.basis) for one in page.entries} == {
        ("automatic", "case-1", "AvTS § 43⁶")
    }
    assert kernel.usage_of(PERSON).total == 0, "only named in it"
    kernel.telling(replace(EVENT, subject="consultation/7"), "/SILD/GOV/1/insurance", "m-3")
    assert kernel.usage_periods() == (EVENT.time.replace(hour=9), EVENT.time.replace(hour=9, second=2))


def test_told_in_general_words_where_others_read_along() -> None:
    assert said_of_telling("tell civil.death.registered") == "The body was told of a death"
    for kind in ("civil.protection.ordered", "civil.stillbirth.recorded", "anything.else"):
        assert said_of_telling(f"tell {kind}") == CHANGE
    assert said_of_telling("getPerson") is None
