"""Which configuration may follow which: the rules, apart from the downloading (WIRE 13.3). Pure.

A signature proves where a directory comes from, not that it is the latest: whoever sits between us and the source (plain http is
usual) can play back any directory until it expires. So what is held is followed only by what was *generated* later. The
generation's time stands, signed, in the locations of its files (`/V6/<time>/`, or a configuration proxy's `/<name>/<ms>/`);
where it does not, the expiry dates are compared. A held configuration that has expired is followed by any valid one: that is the
way out of a source's clock having run ahead. The reference follows whatever is validly signed.

Nor is it followed by a lower *version*, signed too. Versions are looked for from the newest down to the first that is not 404,
so whoever answers 404 chooses: at worst version 2, with SHA-1 hashes of certificates and no announcement of the next key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sild.configuration_client.layout import Metadata
from sild.errors import TrustError
from sild.xroad.globalconf import MINIMUM_VERSION

__all__ = ["Standing", "ensure_may_follow", "standing_of"]

_CENTRAL_SERVER = re.compile(r"/V\d+/(\d{14})(\d{9})/")
_PROXY = re.compile(r"/[^/]+/(\d{13})/")


@dataclass(frozen=True, slots=True)
class Standing:
    """When a configuration was generated, if it tells, when it expires, and its version; a directory that names none is of the lowest."""

    expires_at: datetime
    generated_at: datetime | None
    version: int = MINIMUM_VERSION


def standing_of(metadata: Metadata) -> Standing:
    """By the metadata of its shared parameters."""
    return Standing(
        metadata.expiration_date,
        _generated_at(metadata.content_location or ""),
        metadata.configuration_version or MINIMUM_VERSION,
    )


def _generated_at(location: str) -> datetime | None:
    try:
        if found := _CENTRAL_SERVER.match(location):
            moment = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            return moment + timedelta(microseconds=int(found[2]) // 1000)
        if found := _PROXY.match(location):
            return datetime.fromtimestamp(int(found[1]) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def ensure_may_follow(new: Standing, held: Standing | None, *, at: datetime) -> None:
    """Raises TrustError (`global_conf_outdated`): `new` has expired, or is older or of a lower version than what is held and valid."""
    if new.expires_at <= at:
        raise TrustError("the configuration has expired", code="global_conf_outdated")
    if held is None or held.expires_at <= at:
        return
    if new.version < held.version:
        raise TrustError(
            f"the configuration is of version {new.version}, the one held of version {held.version}",
            code="global_conf_outdated",
            version=new.version,
            held_version=held.version,
        )
    if new.generated_at is not None and held.generated_at is not None:
        older = new.generated_at < held.generated_at
    else:
        older = new.expires_at < held.expires_at
    if older:
        raise TrustError(
            "the configuration is older than the one held",
            code="global_conf_outdated",
            expires_at=new.expires_at.isoformat(),
            held_expires_at=held.expires_at.isoformat(),
        )


def same_content(new: Iterable[tuple[str, bytes]], held: Iterable[tuple[str, bytes]]) -> bool:
    """(file name, content) of both: then an older directory is no news and no danger either."""
    return dict(new) == dict(held)
