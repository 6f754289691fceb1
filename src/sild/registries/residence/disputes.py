"""Owners of a dwelling who differ about who may live there: what an official finds is a decision with its record.

Their agreement or a judgment counts (`ee-residence-dispute`); without one the home is entered to the level of the commune.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from sild.decisions import Consideration, Hearing, OutcomeItem, Secret
from sild.errors import CallerError, Unavailable
from sild.registries.deciding import Deciding, Judged, KnownFact, Look, Ruling, brought, human_step, reason_of
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use, provenance
from sild.registries.profiles import profile
from sild.registries.residence.addresses import Dwelling, dwelling
from sild.registries.residence.entries import decided, feared_by
from sild.registries.residence.homes import owners_of
from sild.registries.residence.judging import PACK, article_of
from sild.registries.residence.words import SaidOfMove, ensure_owners_said, proved_words

__all__ = ["ALGORITHM", "PACKAGES", "TO_DWELLING", "Dispute", "settle_owners", "settled_in"]

ALGORITHM = "residence-dispute"
PACKAGES: dict[Country, str] = {"EE": "ee-residence-dispute", "VN": "vn-residence-dispute"}
TO_DWELLING = "dispute/to_dwelling/ETERNITY"
OUTPUT = "dispute"
SETTLEMENT = "settlement"


@dataclass(frozen=True, slots=True)
class Dispute:
    """people: who wants to live there.  consented, refused: owners.  document: number of an agreement or a judgment.

    lets_live_there: what the official found of it.  words: why.
    """

    dwelling: str
    people: list[str]
    consented: list[str]
    refused: list[str]
    lets_live_there: bool
    document: str | None
    words: str
    valid_from: date


def settle_owners(
    use: Use, deciding: Deciding, said: Dispute, heard: SaidOfMove, look: Look
) -> tuple[str, str]:
    """Id of the record, and the level to which the home is entered: `dwelling` or `commune`. heard: what each owner said, proved.

    Raises CallerError (`needs_a_person`, `unknown_dwelling`, `not_an_owner`), Defects (`acting_not_proven`), Unavailable (`rules_failed`).
    """
    if use.usage.actor is None:
        raise CallerError("an official decides this", code="needs_a_person")
    home = dwelling(use, said.dwelling)
    owners = {fact.key for fact in owners_of(use, home.id, on=use.today)}
    if not owners.issuperset((*said.consented, *said.refused)):
        raise CallerError("somebody who is no owner of it", code="not_an_owner")
    answers = {"consented": said.consented, "refused": said.refused}
    ensure_owners_said(heard, home.id, **answers, valid_from=said.valid_from.isoformat())
    use.alone(*(f"home/{one}" for one in (*said.people, home.id)))
    judged = _judge(use, deciding, home, said)
    ruling = _ruling(use, deciding, home, said, look)
    record = deciding.record(use, judged, replace(ruling, words=proved_words(use, deciding, heard)))
    people = [*said.people, *said.consented, *said.refused]
    what = {"of": "dispute", "people": people, "dwelling": home.id}
    decided(use, str(record.id), what, dwelling=home.id)
    if use.usage.issue is not None:
        use.facts.record(
            f"case:{use.usage.issue}",
            SETTLEMENT,
            str(record.id),
            key=home.id,
            valid_from=use.today,
            provenance=provenance(use),
        )
    lets = judged.evaluation.value(OUTPUT, "to_dwelling", "ETERNITY") is True
    return str(record.id), "dwelling" if lets else "commune"


def settled_in(use: Use, dwelling_id: str | None) -> str | None:
    """Id of the decision that settled what owners of the dwelling differed about, in the case of this use."""
    if use.usage.issue is None or dwelling_id is None:
        return None
    found = use.facts.value(f"case:{use.usage.issue}", SETTLEMENT, key=dwelling_id, on=use.today)
    return None if found is None else str(found)


def _judge(use: Use, deciding: Deciding, home: Dwelling, said: Dispute) -> Judged:
    package = PACKAGES[home.address.country]
    outputs = [(OUTPUT, variable, "ETERNITY") for variable in deciding.package(package).outputs]
    facts = tuple(_facts(use, deciding, said))
    try:
        return deciding.judge(package, facts, at=use.today, outputs=outputs)
    except CallerError as error:
        raise Unavailable("the rules of disputes do not run", code="rules_failed") from error


def _facts(use: Use, deciding: Deciding, said: Dispute) -> Iterator[KnownFact]:
    own, message = deciding.kernel.system, use.usage.message_id
    answers = dict.fromkeys(said.consented, True) | dict.fromkeys(said.refused, False)
    names = [f"owner-{number}" for number in range(1, len(answers) + 1)]
    place = "disputes/dispute"
    yield KnownFact(f"{place}/owner", "role", names, register=own, in_clear=True)
    owning = owners_of(use, said.dwelling, on=use.today)
    for name, code, consents in zip(names, answers, answers.values(), strict=True):
        told = brought((one for one in owning if one.key == code), own)
        yield KnownFact(
            f"persons/{name}/owns/ETERNITY", "bool", True, register=own, valid_at=use.today, **told
        )
        yield KnownFact(
            f"persons/{name}/consents/ETERNITY",
            "bool",
            consents,
            register=own,
            message_id=message,
            asserted_by="person",
        )
    found = {"paper": said.document is not None, "lets_live_there": said.lets_live_there}
    for name, value in found.items():
        yield KnownFact(
            f"{place}/{name}/ETERNITY",
            "bool",
            value,
            register=own,
            message_id=message,
            asserted_by="official",
        )


def _ruling(use: Use, deciding: Deciding, home: Dwelling, said: Dispute, look: Look) -> Ruling:
    country, official = home.address.country, use.usage.actor or ""
    law = profile(country)
    article = article_of(deciding, PACKAGES[country], "to_dwelling")
    feared = feared_by(use, said.people)
    owners = (*said.consented, *said.refused)
    parties = [*((code, "resident") for code in said.people), *((code, "owner") for code in owners)]
    shown = {"dwelling": home.id, "consented": len(said.consented), "refused": len(said.refused)}
    lets = said.lets_live_there and said.document is not None
    items = [OutcomeItem(name="place", type="text", value=Secret(secret=home.text))]
    if said.document is not None:
        items.append(OutcomeItem(name="document", type="text", value=Secret(secret=said.document)))
    return Ruling(
        country=country,
        effect="grant" if lets else "partial",
        step="dispute",
        service="move",
        algorithm=ALGORITHM,
        purpose="a dispute of owners about a home",
        subjects=tuple((code, role) for code, role in parties if code not in feared),
        outcome="residence.dispute",
        items=tuple(items),
        reasons=(reason_of(PACK, "dispute_found", article, origin="official", said=said.words),),
        human=(human_step(deciding, official, look, "confirm", shown=shown),),
        considerations=(
            Consideration(code="dispute", article=law.ground("discretion"), text=Secret(secret=said.words)),
        ),
        hearing=Hearing(required=True, answer_id=use.usage.issue or use.usage.message_id),
    )
