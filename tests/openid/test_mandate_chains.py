"""Chains of mandates: which link breaks which rule, and what the hash covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from sild.errors import TrustError
from sild.openid import Mandate, Party, chain_hash, verify_chain

ZONE = ZoneInfo("Europe/Tallinn")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FIRM = Party("LEGAL_PERSON", "EE12345678", legal_name="Väikefirma OÜ")
A, B, C = (Party("NATURAL_PERSON", f"EE{one}", first_name=one, surname=one) for one in "ABC")


def link(number: int, delegate: Party, parent: str | None, depth: int, **more: object) -> Mandate:
    values = {
        "valid_from": date(2026, 1, 1),
        "valid_through": date(2027, 1, 1),
        "depth": depth,
        "parent": parent,
        **more,
    }
    return Mandate(f"m{number}", FIRM, delegate, "EMTA:ACCOUNTANT", "POWER_OF_ATTORNEY", "mandates", **values)  # type: ignore[arg-type]


CHAIN = (link(1, A, None, 2), link(2, B, "m1", 1), link(3, C, "m2", 0))


def refusal(chain: tuple[Mandate, ...], delegate: str = "EEC", at: datetime = NOW) -> tuple[str, object]:
    with pytest.raises(TrustError) as refused:
        verify_chain(chain, delegate=delegate, at=at, zone=ZONE)
    return refused.value.code, refused.value.detail["link"]


def test_a_whole_chain_holds() -> None:
    verify_chain(CHAIN, delegate="EEC", at=NOW, zone=ZONE)
    verify_chain(CHAIN[:1], delegate="EEA", at=NOW, zone=ZONE)


@pytest.mark.parametrize(
    ("number", "changed", "code"),
    [
        (0, {"parent": "m0"}, "mandate_chain_broken"),
        (1, {"parent": "m9"}, "mandate_chain_broken"),
        (1, {"role": "EMTA:OWNER"}, "mandate_chain_broken"),
        (1, {"representee": A}, "mandate_chain_broken"),
        (1, {"depth": 2}, "mandate_chain_broken"),
        (2, {"depth": 1}, "mandate_chain_broken"),
        (2, {"valid_through": None}, "mandate_chain_broken"),
        (2, {"valid_through": date(2027, 1, 2)}, "mandate_chain_broken"),
        (2, {"delegate": A}, "mandate_chain_broken"),
        (0, {"withdrawn_at": NOW}, "mandate_not_valid"),
        (1, {"valid_through": date(2026, 11, 21)}, "mandate_not_valid"),
        (2, {"valid_from": date(2026, 11, 23)}, "mandate_not_valid"),
    ],
)
def test_the_broken_link_is_named(number: int, changed: dict[str, object], code: str) -> None:
    chain = tuple(replace(one, **changed) if at == number else one for at, one in enumerate(CHAIN))  # type: ignore[arg-type]
    assert refusal(chain) == (code, number)


def test_none_missing_none_twice_none_for_ever() -> None:
    assert refusal(()) == ("mandate_chain_broken", 0)
    assert refusal((CHAIN[0], CHAIN[2]))[0] == "mandate_chain_broken"
    assert refusal(CHAIN * 2) == ("mandate_chain_broken", 0)
    assert refusal(CHAIN, "EEB") == ("mandate_chain_broken", 2)


def test_the_hash_covers_every_link() -> None:
    """The second computation is written out: a register needs no more than this."""
    import hashlib
    import json

    text = json.dumps(
        [one.summary() for one in CHAIN], ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    assert chain_hash(CHAIN) == hashlib.sha256(text.encode()).hexdigest()
    seen = {chain_hash(CHAIN), chain_hash(CHAIN[:2])}
    for changed in ({"role": "X:Y"}, {"depth": 0}, {"valid_through": None}, {"id": "m8"}):
        seen.add(chain_hash((replace(CHAIN[0], **changed), *CHAIN[1:])))  # type: ignore[arg-type]
    assert len(seen) == 6
