"""Whose fault, which code, and what was being done."""

import pytest

from sild.errors import CallerError, PeerError, PlatformError, TrustError, Unavailable, stage


def test_stages_stand_in_front_of_the_cause_outermost_first() -> None:
    with pytest.raises(TrustError) as caught, stage("service_failed"), stage("signature_verification"):
        raise TrustError("altered", code="invalid_signature_value")
    assert caught.value.code_path == "service_failed.signature_verification.invalid_signature_value"


def test_a_stage_that_stands_in_front_already_is_not_repeated() -> None:
    with pytest.raises(Unavailable) as caught, stage("logging_failed"):
        raise Unavailable("too long", code="logging_failed")
    assert caught.value.code_path == "logging_failed"
    with pytest.raises(Unavailable) as caught, stage("logging_failed"), stage("logging_failed"):
        raise Unavailable("locked", code="database_error")
    assert caught.value.code_path == "logging_failed.database_error"
    with pytest.raises(Unavailable) as caught, stage("logging"):
        raise Unavailable("too long", code="logging_failed")
    assert caught.value.code_path == "logging.logging_failed", "whole words are compared"


def test_a_bug_passes_stages_untouched() -> None:
    with pytest.raises(ZeroDivisionError), stage("service_failed"):
        raise ZeroDivisionError


@pytest.mark.parametrize("kind", [CallerError, PeerError, TrustError, Unavailable])
def test_each_kind_has_a_code_of_its_own_and_detail_fields(kind: type[PlatformError]) -> None:
    error = kind("no", member="DEV:COM:1")
    assert error.code_path == kind.code != PlatformError.code
    assert error.detail == {"member": "DEV:COM:1"}
