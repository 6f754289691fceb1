"""Pay from another country, so that the board's official decides: refuses the offer; and another, to whom it is contested, overturns that."""

from __future__ import annotations

from .village import FATHER, MARI, MOTHER

__all__ = ["earned_abroad", "offer_of", "overturned", "refused"]

OFFICIAL, OTHER_OFFICIAL = "EE37001010002", "EE36805280109"
CONTEST = "elsewhere"  # the case of whoever asks a register in a village
LOOK = {"view_sha256": "c" * 64, "posture": "managed", "seconds": 61}


async def earned_abroad(village) -> None:
    """Before the birth, as the tax board declares it."""
    paid = {"payer": "FI1234", "first": "2025-01", "last": "2026-02", "amount": "2500.00", "currency": "EUR", "country": "FI"}  # fmt: skip
    await village.ask("social", "POST", f"/persons/{FATHER.code}/contributions", paid)


async def offer_of(village, child) -> dict:
    return (await village.ask("social", "GET", f"/persons/{child}/offers"))["items"][-1]


async def refused(village, child) -> dict:
    """By an official, once; the offer then."""
    offer = await offer_of(village, child)
    if offer["state"] == "held":
        path = f"/offers/{offer['id']}/refusal"
        await village.ask("social", "POST", path, {**LOOK, "words": "Finland pays."}, user=OFFICIAL)
    return await offer_of(village, child)


async def overturned(village, decision) -> None:
    """A refusal, contested by the mother; the other official has the rules decide anew."""
    path = f"/decisions/{decision}/contests"
    answer = {"country": "EE", "contested_by": MOTHER.code, "language": "et", "view": "?", "reasons": "Ei.", **LOOK}  # fmt: skip
    anew = {"by": "rule", "country": "EE", "contested_by": MOTHER.code}
    await village.ask("social", "POST", path, {"contest": CONTEST, "line": "rule"}, user=MARI.person)
    for step, said in (("end", {"overturned": True, "answer": answer}), ("anew", anew)):
        whole = f"{path}/{CONTEST}/{step}"
        await village.ask("social", "POST", whole, said, user=OTHER_OFFICIAL)
