"""States of clients and certificates: every state and input ends in a known state, and the ones that matter are X-Road's."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.security_server.registration_states import (
    CERTIFICATE_STEPS,
    CLIENT_STEPS,
    DELETABLE_CERTIFICATES,
    DELETABLE_CLIENTS,
    followed_certificate,
    followed_client,
)
from sild.security_server.snapshot import ClientStatus as C
from sild.signer import CertificateStatus as K

# The reference's GlobalConfChecker: (state, registered) -> state; everything else stays.
REFERENCE = {
    (C.SAVED, True): C.REGISTERED,
    (C.REGISTRATION_IN_PROGRESS, True): C.REGISTERED,
    (C.GLOBAL_ERROR, True): C.REGISTERED,
    (C.ENABLING_IN_PROGRESS, True): C.REGISTERED,
    (C.REGISTERED, False): C.GLOBAL_ERROR,
    (C.DISABLING_IN_PROGRESS, False): C.DISABLED,
}


def subsets(codes: dict[str, object]) -> list[frozenset[str]]:
    every = chain.from_iterable(combinations(codes, size) for size in range(len(codes) + 1))
    return [frozenset(each) for each in every]


@pytest.mark.parametrize("status", C)
@pytest.mark.parametrize("registered", [True, False])
def test_clients_follow_as_in_the_reference(status: C, registered: bool) -> None:
    assert followed_client(status, registered=registered) is REFERENCE.get((status, registered), status)


def test_every_input_ends_in_a_state_that_stays() -> None:
    for status in C:
        for registered in (True, False):
            for unanswered in subsets(dict(CLIENT_STEPS)):
                now = followed_client(status, registered=registered, unanswered=unanswered)
                assert isinstance(now, C)
                again = followed_client(now, registered=registered, unanswered=unanswered)
                assert again is now, (status, registered, unanswered)
                if now is C.REGISTERED:
                    assert registered or status is not C.REGISTERED
    for certificate in K:
        for registered in (True, False):
            for unanswered in subsets(dict(CERTIFICATE_STEPS)):
                for submitted in subsets(dict(CERTIFICATE_STEPS)):
                    kept = followed_certificate(
                        certificate, registered=registered, unanswered=unanswered, submitted=submitted
                    )
                    assert isinstance(kept, K)


def test_a_lost_answer_tells_what_a_change_means() -> None:
    gone = {"registered": False}
    assert followed_client(C.REGISTERED, **gone) is C.GLOBAL_ERROR
    assert followed_client(C.REGISTERED, **gone, unanswered={"clientDisable"}) is C.DISABLED
    assert followed_client(C.REGISTERED, **gone, unanswered={"clientDeletion"}) is C.DELETION_IN_PROGRESS
    assert followed_client(C.DISABLED, registered=True, unanswered={"clientEnable"}) is C.REGISTERED
    assert (
        followed_certificate(K.REGISTERED, **gone, unanswered={"authCertDeletion"}) is K.DELETION_IN_PROGRESS
    )
    assert followed_certificate(K.SAVED, **gone, submitted={"authCertReg"}) is K.REGISTRATION_IN_PROGRESS


def test_nothing_registered_can_be_deleted() -> None:
    for live in (C.REGISTERED, C.REGISTRATION_IN_PROGRESS, C.DISABLED, C.DISABLING_IN_PROGRESS):
        assert live not in DELETABLE_CLIENTS
    assert not {K.REGISTERED, K.REGISTRATION_IN_PROGRESS} & DELETABLE_CERTIFICATES


INPUTS = [*CLIENT_STEPS, "shown", "not shown"]


@given(st.lists(st.sampled_from(INPUTS), max_size=30))
def test_whatever_happens_a_client_is_registered_only_when_shown(inputs: list[str]) -> None:
    """A walk of administrators and configurations: only a configuration makes a client REGISTERED, and only one that shows it."""
    status = C.SAVED
    for each in inputs:
        before = status
        if each in CLIENT_STEPS:
            step = CLIENT_STEPS[each]
            status = step.to if status in step.source else status
        else:
            status = followed_client(status, registered=each == "shown")
        if status is C.REGISTERED and before is not C.REGISTERED:
            assert each == "shown"
