"""Codes of a third country: their digits may be somebody's of this one, and open nothing of theirs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from sild.adapter import AsyncXRoadClient, Retries
from sild.cases import register_code
from sild.errors import CallerError, Unavailable
from sild.identity_provider import BoardRights, FamilyRelations
from sild.xroad import ClientId, ServiceId

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("code", ["EE49001010005", "VN001199000123", "EE10001012", "VN0100001014"])
def test_a_code_of_a_country_here_is_written_without_it(code: str) -> None:
    assert register_code(code) == code[2:]


@pytest.mark.parametrize(
    "code",
    ["LT49001010005", "EE001199000123", "VN49001010005", "49001010005", "EE4900101000٥", "EE../../x/y/z/w", "EE", ""],
)  # fmt: skip
def test_of_any_other_there_are_no_digits(code: str) -> None:
    with pytest.raises(CallerError) as refused:
        register_code(code)
    assert refused.value.code == "not_found"


async def test_nothing_is_asked_of_whom_a_stranger_represents() -> None:
    """Nobody listens at the address: whoever is asked, does not answer."""
    loop = asyncio.get_running_loop()
    async with AsyncXRoadClient(
        "http://127.0.0.1:1", ClientId.decode("SILD/GOV/70000001/identity"), retries=Retries(attempts=1)
    ) as client:
        service = ServiceId(ClientId.decode("SILD/GOV/70000002/population"), "population")
        for rights in (FamilyRelations, BoardRights):
            source = rights(client, service, loop, "PKS § 120")
            assert await asyncio.to_thread(source.mandates_of, "LT49001010005", NOW) == []
            with pytest.raises(Unavailable):
                await asyncio.to_thread(source.mandates_of, "EE49001010005", NOW)
