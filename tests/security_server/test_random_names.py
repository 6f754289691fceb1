"""Names made from the pool are uuids and letters, and never come twice."""

from __future__ import annotations

import uuid

from sild.security_server.random_names import boundary_letters, new_uuid


def test_uuids() -> None:
    made = {new_uuid() for _ in range(10_000)}
    assert len(made) == 10_000
    assert all(str(parsed := uuid.UUID(text)) == text and parsed.version == 4 for text in made)
    assert {uuid.UUID(text).variant for text in made} == {uuid.RFC_4122}


def test_boundaries() -> None:
    made = {boundary_letters() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(letters) == 30 and letters.isalpha() and letters.isascii() for letters in made)
