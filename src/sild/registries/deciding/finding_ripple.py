"""A finding that the body upholds reaches what it touches: page by page, each decision once, to a rule or to people.

The register starts it, on the word of an official of its body in the finding's own case; no auditor does. Whoever asks for a page
again gets it again, and nothing is entered twice: a ripple is one of an answer and a decision.
"""

from __future__ import annotations

from sild.decisions import (
    UpheldFinding,
    find_finding,
    open_ripple,
    reached_by,
    uphold_finding,
)
from sild.errors import CallerError
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.ripple import BY_RULE, FINDING, list_for_people, people_of
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use

__all__ = ["PAGE", "enter_page", "uphold"]

PAGE = 50
"""Decisions entered in one transaction."""
BY_PEOPLE = "by_people"
"""Why a decision is listed that a rule made, and no rule makes anew: of what it gave nothing is left here to give otherwise."""


def uphold(deciding: Deciding, use: Use, finding: str, *, answer: int, number: str) -> UpheldFinding:
    """By the official who acts, in the case of the finding.

    Raises CallerError `unknown_finding`, `not_your_finding`: in another case, by nobody, by the auditor, or by one it is about.
    """
    store = deciding.store
    found = find_finding(use.connection, finding)
    official = None if use.usage.actor is None else store.pseudonym(use.usage.actor)
    about = {subject.ref for subject in store.find(use.connection, found.decision).record.subjects}
    if use.usage.issue != finding or official is None or official in about | {found.auditor}:
        raise CallerError("an official of the body upholds it, in its own case", code="not_your_finding")
    return uphold_finding(store, use.connection, finding, answer=answer, number=number, official=official)


def enter_page(
    deciding: Deciding, use: Use, upheld: UpheldFinding, *, after: str | None, country: Country
) -> tuple[int, str | None]:
    """How many were entered now, and after which id the next page begins; None: this was the last.

    country: whose deadline counts for what is listed.
    """
    page = reached_by(deciding.store, use.connection, upheld, after=after, limit=PAGE)
    entered = 0
    for stored in page:
        record = stored.record
        ripple = open_ripple(
            use.connection,
            cause=upheld.cause,
            decision=str(record.id),
            concept=FINDING,
            source=deciding.exchanged_by,
            fact=upheld.number,
            at=use.at,
        )
        if ripple is None:
            continue
        entered += 1
        if record.kind != "rule" or record.automation < BY_RULE or record.discretion != "bound":
            list_for_people(use, ripple, "discretion", country, people_of(deciding, use, str(record.id)))
        elif not deciding.decides_again(use, ripple, record, f"{upheld.cause}/{record.id}"):
            list_for_people(use, ripple, BY_PEOPLE, country, people_of(deciding, use, str(record.id)))
    return entered, str(page[-1].record.id) if len(page) == PAGE else None
