"""Which configuration may follow which."""

from datetime import UTC, datetime, timedelta

import pytest

from sild.configuration_client.layout import Metadata
from sild.configuration_client.succession import Standing, ensure_may_follow, standing_of
from sild.errors import TrustError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def standing(expires: float, generated: float | None = None, version: int = 6) -> Standing:
    return Standing(at(expires), None if generated is None else at(generated), version)


MAY = [
    (standing(10), None),
    (standing(10), standing(9)),
    (standing(10), standing(10)),
    (standing(10), standing(-1)),
    (standing(5, generated=0), standing(60, generated=-1)),
    (standing(10, generated=0), standing(10, generated=0)),
    (standing(5, generated=-9), standing(-1, generated=9)),
    (standing(10), standing(9, generated=3)),
    (standing(10, version=3), standing(9, version=2)),
    (standing(10, version=2), standing(0, version=6)),
]
MAY_NOT = [
    (standing(0), None),
    (standing(-1), standing(-2)),
    (standing(9), standing(10)),
    (standing(60, generated=-1), standing(5, generated=0)),
    (standing(9, generated=3), standing(10)),
    (standing(10, version=5), standing(9, version=6)),
    (standing(10, generated=9, version=2), standing(9, generated=1, version=3)),
]


@pytest.mark.parametrize(("new", "held"), MAY)
def test_may_follow(new: Standing, held: Standing | None) -> None:
    ensure_may_follow(new, held, at=NOW)


@pytest.mark.parametrize(("new", "held"), MAY_NOT)
def test_may_not_follow(new: Standing, held: Standing | None) -> None:
    with pytest.raises(TrustError) as refused:
        ensure_may_follow(new, held, at=NOW)
    assert refused.value.code == "global_conf_outdated"


@pytest.mark.parametrize(
    ("location", "generated_at"),
    [
        ("/V6/20251110170000548026000/shared-params.xml", datetime(2025, 11, 10, 17, 0, 0, 548026, UTC)),
        (
            "/PROXY1/1762794000548/DEV/V6/20241110170000548026000/shared-params.xml",
            datetime(2025, 11, 10, 17, 0, 0, 548000, UTC),
        ),
        ("/shared-params.xml", None),
        ("/V6/99999999999999548026000/shared-params.xml", None),
        ("/V6/20251110170000/shared-params.xml", None),
        (None, None),
    ],
)
def test_the_time_of_generation_stands_in_the_location(
    location: str | None, generated_at: datetime | None
) -> None:
    assert standing_of(Metadata(expiration_date=NOW, content_location=location)).generated_at == generated_at


@pytest.mark.parametrize(("named", "version"), [(6, 6), (2, 2), (None, 2)])
def test_a_directory_without_a_version_is_of_the_lowest(named: int | None, version: int) -> None:
    assert standing_of(Metadata(expiration_date=NOW, configuration_version=named)).version == version
