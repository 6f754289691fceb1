"""Registrations that would weaken others, and dates of birth out of codes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sild.errors import CallerError
from sild.openid import Client, check_client, date_of_birth

GOOD = Client("service", "Service", ("https://service.example/cb",), "client_secret_basic")


def test_sound_ones() -> None:
    check_client(GOOD)
    check_client(
        replace(GOOD, redirect_uris=("http://127.0.0.1:8080/cb", "http://localhost/cb", "http://[::1]/cb"))
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": ""},
        {"client_id": "a:b"},
        {"client_id": "ü"},
        {"redirect_uris": ("http://service.example/cb",)},
        {"redirect_uris": ("https://*.example/cb",)},
        {"redirect_uris": ("https://service.example/cb#x",)},
        {"redirect_uris": ("https://user@service.example/cb",)},
        {"redirect_uris": ("javascript:alert(1)",)},
        {"redirect_uris": ("/cb",)},
        {"redirect_uris": ("https://service.example:port/cb",)},
        {"post_logout_redirect_uris": ("http://evil.example",)},
        {"backchannel_logout_uri": "http://10.0.0.1/logout"},
        {"scopes": ("openid", "everything")},
        {"jwks": "{}"},
        {"authentication": "private_key_jwt"},
        {"authentication": "none", "introspection": True},
        {"authentication": "none", "mandate_namespaces": ("EMTA",)},
    ],
)
def test_unsound_ones(changed: dict[str, object]) -> None:
    with pytest.raises(CallerError) as refused:
        check_client(replace(GOOD, **changed))  # type: ignore[arg-type]
    assert refused.value.code == "invalid_client_metadata"


@pytest.mark.parametrize(
    ("subject", "day"),
    [
        ("EE60001019906", date(2000, 1, 1)),
        ("EE37605030299", date(1976, 5, 3)),
        ("EE60013019906", None),
        ("EE12345678", None),
        ("VN001199000123", None),
        ("LV60001019906", None),
    ],
)
def test_dates_of_birth(subject: str, day: date | None) -> None:
    assert date_of_birth(subject) == day
