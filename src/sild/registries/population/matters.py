"""Doubtful notices of birth, as what waits for an official (`kernel/matters.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sild.errors import CallerError
from sild.registries.kernel import Kernel, Use
from sild.registries.kernel.matters import Matter, MatterFact, MatterSource, due_day
from sild.registries.population.reviews import Review, about, open_reviews, read_review

__all__ = ["reviews_that_wait"]

SAID = ("born", "sex", "order", "hospital", "place", "attended_by", "given_names", "family_name")
"""What of a notice its official has before them, besides the parents."""


def reviews_that_wait(kernel: Kernel) -> MatterSource:
    def matter(review: Review) -> Matter:
        since, persons = datetime.fromisoformat(review.opened_at), about(review)
        return Matter(
            kind="review",
            key=review.id,
            state="waiting" if review.state == "OPEN" else "ended",
            since=since,
            due=due_day(persons, since.astimezone(kernel.zone).date()),
            persons=persons,
            facts=tuple(_facts(review)),
        )

    def waiting(use: Use) -> Sequence[Matter]:
        return [matter(one) for one in open_reviews(use)]

    def find(use: Use, key: str) -> Matter | None:
        try:
            return matter(read_review(use, key))
        except CallerError:
            return None

    return MatterSource("review", waiting, find)


def _facts(review: Review) -> Iterator[MatterFact]:
    for reason in review.reasons:
        yield MatterFact("review_because", reason)
    for role in ("mother", "father"):
        who = review.notice.get(role)
        if who is not None:
            yield MatterFact(role, _named(who))
    for name in SAID:
        if review.notice.get(name) is not None:
            yield MatterFact(f"notice_{name}", str(review.notice[name]))
    for child in review.candidates:
        yield MatterFact("candidate", child)


def _named(who: Mapping[str, Any]) -> str:
    return ", ".join(str(who[name]) for name in ("given_names", "family_name", "code") if who.get(name))
