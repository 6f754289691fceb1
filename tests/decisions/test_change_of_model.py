"""Before and after: what changed is the rules or the model; a decision that neither had a part in changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sild.decisions.patterns import _change

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def rows(*made_by: tuple[str | None, str | None]) -> list[Any]:
    """(hash of rules, hash of model) of each decision, a day apart."""
    return [
        SimpleNamespace(
            decided_at=BEGAN + timedelta(days=number),
            effect="grant",
            unknowns=0,
            contest=None,
            overturned=None,
            package_sha256=rules,
            content=json.dumps({"model_calls": [{"template_sha256": model}] if model else []}),
        )
        for number, (rules, model) in enumerate(made_by)
    ]


def test_another_model_is_a_change_and_the_newest_one_counts() -> None:
    found = _change(rows((None, "a"), (None, "a"), (None, "b"), (None, "c"), (None, "c")), 1)
    assert found is not None and found["at"].startswith("2026-01-04")
    assert found["before"]["by_effect"] == {"grant": 100}


def test_without_the_model_nothing_is_known_of_it() -> None:
    assert _change(rows((None, "a"), (None, None), (None, "a")), 1) is None
    found = _change(rows((None, "a"), (None, None), (None, "b")), 1)
    assert found is not None and found["at"].startswith("2026-01-03")


def test_rules_change_whatever_model_sorted_before_them() -> None:
    found = _change(rows(("x", None), ("x", None), ("y", None)), 1)
    assert found is not None and found["at"].startswith("2026-01-03")
    assert _change(rows(("x", None), ("x", None)), 1) is None and _change([], 1) is None
