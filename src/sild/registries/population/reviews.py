"""Notices of birth a machine should not decide on: people see why, and say whether it is one child or two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from sild.errors import CallerError
from sild.registries.kernel import Fact, Use, matter_opened, matter_settled, provenance
from sild.registries.kernel.facts import Json
from sild.registries.population.birth_notice import BirthNotice

__all__ = [
    "Review",
    "about",
    "close_review",
    "open_review",
    "open_reviews",
    "read_review",
    "review_of_notice",
]

REVIEW = "review"
REVIEW_OF_NOTICE = "review_of_notice"


@dataclass(frozen=True, slots=True)
class Review:
    """state: OPEN or CLOSED.  words: of whoever decided.  decision: DISTINCT (another child), SAME (as `child`) or REFUSED (no birth at all)."""

    id: str
    reasons: tuple[str, ...]
    candidates: tuple[str, ...]
    notice: dict[str, Json]
    state: str
    opened_at: str
    decision: str | None
    child: str | None
    words: str = ""


def open_review(use: Use, notice: BirthNotice, reasons: Sequence[str], candidates: Sequence[str]) -> Review:
    review = str(uuid4())
    value: dict[str, Json] = {
        "reasons": list(reasons),
        "candidates": list(candidates),
        "notice": notice.to_json(),
        "state": "OPEN",
        "opened_at": use.at.isoformat(),
        "decision": None,
        "child": None,
    }
    said = provenance(use)
    entity = f"review:{review}"
    fact = use.facts.record(entity, REVIEW, value, key=review, valid_from=use.today, provenance=said)
    use.facts.record(f"notice:{notice.key}", REVIEW_OF_NOTICE, review, valid_from=use.today, provenance=said)
    opened = _review(fact)
    matter_opened(use, "review", review, _mother(opened))
    return opened


def open_reviews(use: Use) -> tuple[Review, ...]:
    """Oldest first."""
    found = tuple(map(_review, use.facts.named(REVIEW, on=use.today)))
    return tuple(review for review in found if review.state == "OPEN")


def read_review(use: Use, review_id: str) -> Review:
    """Raises CallerError (`unknown_review`)."""
    fact = use.facts.fact(f"review:{review_id}", REVIEW, key=review_id, on=use.today)
    if fact is None:
        raise CallerError("no such review", code="unknown_review")
    review = _review(fact)
    use.concerns(*review.candidates)
    return review


def review_of_notice(use: Use, key: str) -> Review | None:
    """The newest review of a notice."""
    found = use.facts.value(f"notice:{key}", REVIEW_OF_NOTICE, on=use.today)
    return None if found is None else read_review(use, found)


def close_review(use: Use, review: Review, decision: str, child: str | None, *, words: str = "") -> Review:
    fact = use.facts.fact(f"review:{review.id}", REVIEW, key=review.id, on=use.today)
    assert fact is not None
    value = {**fact.value, "state": "CLOSED", "decision": decision, "child": child, "words": words}
    closed = _review(
        use.facts.record(
            fact.entity,
            REVIEW,
            value,
            key=review.id,
            valid_from=use.today,
            provenance=provenance(use),
        )
    )
    matter_settled(use, "review", review.id, _mother(closed))
    return closed


def about(review: Review) -> tuple[str, ...]:
    """Whom it is about: the mother, if the notice has her code, and the children it may be of."""
    return (*_mother(review), *review.candidates)


def _mother(review: Review) -> tuple[str, ...]:
    mother = (review.notice.get("mother") or {}).get("code")
    return (mother,) if mother else ()


def _review(fact: Fact) -> Review:
    value = fact.value
    return Review(
        id=fact.key,
        reasons=tuple(value["reasons"]),
        candidates=tuple(value["candidates"]),
        notice=value["notice"],
        state=value["state"],
        opened_at=value["opened_at"],
        decision=value["decision"],
        child=value["child"],
        words=value.get("words", ""),
    )
