"""The states of clients and authentication certificates, as tables: what may be asked of the central server, what a taken
request leads to, and how a state follows the global configuration (UG-SS 3 and 4, as X-Road's admin service does it).

The configuration has the last word: what it shows is so, whatever was asked. A request that was never answered tells only
which of two readings a change has: a client that is gone from the configuration is DISABLED when that was asked for, and
a GLOBAL_ERROR when nobody asked.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Generic, TypeVar

from sild.security_server.snapshot import ClientStatus
from sild.signer import CertificateStatus

__all__ = [
    "CERTIFICATE_FOLLOWS",
    "CERTIFICATE_STEPS",
    "CLIENT_FOLLOWS",
    "CLIENT_STEPS",
    "DELETABLE_CERTIFICATES",
    "DELETABLE_CLIENTS",
    "Step",
    "followed_certificate",
    "followed_client",
]

S = TypeVar("S", ClientStatus, CertificateStatus)


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """A request: the states it may be made in, and the state once the central server has taken it."""

    source: frozenset[S]
    to: S


_C, _K = ClientStatus, CertificateStatus

CLIENT_STEPS: dict[str, Step[ClientStatus]] = {
    "clientReg": Step(frozenset({_C.SAVED}), _C.REGISTRATION_IN_PROGRESS),
    "clientDeletion": Step(
        frozenset({_C.REGISTERED, _C.REGISTRATION_IN_PROGRESS, _C.DISABLED}), _C.DELETION_IN_PROGRESS
    ),
    "clientDisable": Step(frozenset({_C.REGISTERED}), _C.DISABLING_IN_PROGRESS),
    "clientEnable": Step(frozenset({_C.DISABLED}), _C.ENABLING_IN_PROGRESS),
}
CERTIFICATE_STEPS: dict[str, Step[CertificateStatus]] = {
    "authCertReg": Step(frozenset({_K.SAVED}), _K.REGISTRATION_IN_PROGRESS),
    "authCertDeletion": Step(
        frozenset({_K.REGISTERED, _K.REGISTRATION_IN_PROGRESS}), _K.DELETION_IN_PROGRESS
    ),
}
DELETABLE_CLIENTS = frozenset({_C.SAVED, _C.DELETION_IN_PROGRESS, _C.GLOBAL_ERROR})
DELETABLE_CERTIFICATES = frozenset({_K.SAVED, _K.DELETION_IN_PROGRESS, _K.GLOBAL_ERROR})

# (state, registered in the configuration) -> state; what is not here stays.
CLIENT_FOLLOWS: dict[tuple[ClientStatus, bool], ClientStatus] = {
    (_C.SAVED, True): _C.REGISTERED,
    (_C.REGISTRATION_IN_PROGRESS, True): _C.REGISTERED,
    (_C.GLOBAL_ERROR, True): _C.REGISTERED,
    (_C.ENABLING_IN_PROGRESS, True): _C.REGISTERED,
    (_C.REGISTERED, False): _C.GLOBAL_ERROR,
    (_C.DISABLING_IN_PROGRESS, False): _C.DISABLED,
}
CERTIFICATE_FOLLOWS: dict[tuple[CertificateStatus, bool], CertificateStatus] = {
    (_K.SAVED, True): _K.REGISTERED,
    (_K.REGISTRATION_IN_PROGRESS, True): _K.REGISTERED,
    (_K.GLOBAL_ERROR, True): _K.REGISTERED,
    (_K.REGISTERED, False): _K.GLOBAL_ERROR,
}
# The same while this request may have taken effect: (state, registered, service code) -> state.
_CLIENT_UNANSWERED: dict[tuple[ClientStatus, bool, str], ClientStatus] = {
    (_C.REGISTERED, False, "clientDisable"): _C.DISABLED,
    (_C.REGISTERED, False, "clientDeletion"): _C.DELETION_IN_PROGRESS,
    (_C.DISABLED, True, "clientEnable"): _C.REGISTERED,
}
_CERTIFICATE_UNANSWERED: dict[tuple[CertificateStatus, bool, str], CertificateStatus] = {
    (_K.REGISTERED, False, "authCertDeletion"): _K.DELETION_IN_PROGRESS,
}


def followed_client(
    status: ClientStatus, *, registered: bool, unanswered: Set[str] = frozenset()
) -> ClientStatus:
    """registered: the configuration shows it at this server.  unanswered: service codes of requests about it that were
    sent and whose answer never came."""
    for code in sorted(unanswered):
        if (status, registered, code) in _CLIENT_UNANSWERED:
            return _CLIENT_UNANSWERED[status, registered, code]
    return CLIENT_FOLLOWS.get((status, registered), status)


def followed_certificate(
    status: CertificateStatus,
    *,
    registered: bool,
    unanswered: Set[str] = frozenset(),
    submitted: Set[str] = frozenset(),
) -> CertificateStatus:
    """As `followed_client`. submitted: those the central server has taken; a certificate's state is in another database than
    the answer, so it may have been lost on the way there."""
    for code in sorted(submitted):
        if status in CERTIFICATE_STEPS[code].source and not (registered and code == "authCertReg"):
            return CERTIFICATE_STEPS[code].to
    for code in sorted(unanswered):
        if (status, registered, code) in _CERTIFICATE_UNANSWERED:
            return _CERTIFICATE_UNANSWERED[status, registered, code]
    return CERTIFICATE_FOLLOWS.get((status, registered), status)
