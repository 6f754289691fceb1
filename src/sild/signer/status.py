"""How our certificates stand: what an administrator is shown, and what the log warns of before it is too late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sild.errors import PlatformError
from sild.signer.certificates import CertificateInfo
from sild.telemetry import get_logger

__all__ = ["CertificateState", "Validity", "state_of", "warn_of_expiry"]

WARNING_INTERVAL_SECONDS = 86_400.0

log = get_logger("signer")


class Validity(Enum):
    NOT_YET_VALID = "not yet valid"
    VALID = "valid"
    EXPIRES_SOON = "expires soon"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class CertificateState:
    """ocsp_problem: the code a peer would refuse its OCSP response with now; None when it is good.
    token_id: where its key is, None when no token that is there has it.
    """

    info: CertificateInfo
    validity: Validity
    left: timedelta
    ocsp_problem: str | None
    token_id: str | None
    is_token_active: bool

    @property
    def is_usable(self) -> bool:
        """It could sign, or open a connection, at this moment."""
        return (
            self.info.is_usable
            and self.validity in (Validity.VALID, Validity.EXPIRES_SOON)
            and self.ocsp_problem is None
            and self.is_token_active
        )


def state_of(
    info: CertificateInfo,
    *,
    at: datetime,
    warning: timedelta,
    ensure_good: Callable[[CertificateInfo], object],
    token: tuple[str, bool] | None,
) -> CertificateState:
    """ensure_good: raises PlatformError unless the certificate has a good OCSP response.  token: its id, whether active."""
    left = info.certificate.not_valid_after_utc - at
    validity = Validity.VALID
    if left < timedelta(0):
        validity = Validity.EXPIRED
    elif at < info.certificate.not_valid_before_utc:
        validity = Validity.NOT_YET_VALID
    elif left < warning:
        validity = Validity.EXPIRES_SOON
    problem = None
    try:
        ensure_good(info)
    except PlatformError as error:
        problem = error.code
    token_id, is_active = token or (None, False)
    return CertificateState(info, validity, left, problem, token_id, is_active)


async def warn_of_expiry(states: Callable[[], Iterable[CertificateState]]) -> None:
    """Once a day until cancelled: a line for every active certificate that ends soon or has ended."""
    while True:
        try:
            for state in states():
                _warn(state)
        except Exception as error:  # noqa: BLE001 - a warning is not worth the work beside it
            log.bug("certificate.not_looked_at", error)
        await asyncio.sleep(WARNING_INTERVAL_SECONDS)


def _warn(state: CertificateState) -> None:
    if state.info.is_active and state.validity in (Validity.EXPIRES_SOON, Validity.EXPIRED):
        log.warning(
            "certificate.expired" if state.validity is Validity.EXPIRED else "certificate.expires_soon",
            certificate=state.info.sha1,
            usage=state.info.usage.value,
            member=str(state.info.member),
            not_after=state.info.certificate.not_valid_after_utc.isoformat(),
            days=state.left.days,
        )
