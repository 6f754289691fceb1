"""Running totals of exchanges for `/metrics`: a few additions on each exchange, no lock, no string made.

Every label comes from a closed set: what another side sent is looked up in X-Road's own list of fault codes and is `other`
if it is not there. Totals are plain data, so that those of several processes can be added up (`metrics`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sild.security_server.measurement import CLIENT, PRODUCER, Measurement
from sild.xroad.fault_codes import CODES, Spelling, respell
from sild.xroad.faults import Fault

__all__ = ["BUCKETS", "ExchangeTotals", "Exchanges"]

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of durations in seconds."""

_SIDES = {CLIENT: "client", PRODUCER: "provider"}
_ORIGINS = ("server.clientproxy", "server.serverproxy", "signer", "client")

Key = tuple[str, str, str, str, str]


@dataclass(slots=True)
class Exchanges:
    """Of one kind: how many, their seconds together and by bucket (the last without an upper bound), their bytes."""

    count: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    request_bytes: int = 0
    response_bytes: int = 0

    def add(self, other: Exchanges) -> None:
        self.count += other.count
        self.seconds += other.seconds
        self.buckets = [mine + more for mine, more in zip(self.buckets, other.buckets, strict=True)]
        self.request_bytes += other.request_bytes
        self.response_bytes += other.response_bytes


class ExchangeTotals:
    """by_kind: by side (client, provider), service type, outcome (ok, service_error, fault, abandoned), origin and cause of
    the fault. in_flight: by side."""

    def __init__(self) -> None:
        self.by_kind: dict[Key, Exchanges] = {}
        self.in_flight = {"client": 0, "provider": 0}

    def begins(self, server_type: str) -> None:
        self.in_flight[_SIDES[server_type]] += 1

    def ends(self, measured: Measurement) -> None:
        side = _SIDES[measured.server_type]
        self.in_flight[side] -= 1
        outcome, origin, cause = _outcome(measured)
        key = (side, measured.service_type or "unknown", outcome, origin, cause)
        kind = self.by_kind.get(key)
        if kind is None:
            kind = self.by_kind[key] = Exchanges()
        seconds = ((measured.response_out or measured.request_in) - measured.request_in) / 1e9
        kind.count += 1
        kind.seconds += seconds
        kind.buckets[bisect_left(BUCKETS, seconds)] += 1
        kind.request_bytes += measured.request_mime_size or measured.request_size or 0
        kind.response_bytes += measured.response_mime_size or measured.response_size or 0

    def as_data(self) -> dict[str, object]:
        """What `from_data` reads; JSON."""
        kinds = [
            [*key, kind.count, kind.seconds, kind.buckets, kind.request_bytes, kind.response_bytes]
            for key, kind in self.by_kind.items()
        ]
        return {"kinds": kinds, "in_flight": self.in_flight}

    @classmethod
    def from_data(cls, data: Mapping[str, object]) -> ExchangeTotals:
        """Raises ValueError, TypeError or KeyError for what `as_data` did not write."""
        totals = cls()
        kinds, in_flight = data["kinds"], data["in_flight"]
        if not isinstance(kinds, list) or not isinstance(in_flight, dict):
            raise ValueError("not totals of exchanges")
        for side, service_type, outcome, origin, cause, count, seconds, buckets, sent, received in kinds:
            key = (side, service_type, outcome, origin, cause)
            totals.by_kind[key] = Exchanges(count, seconds, list(buckets), sent, received)
        totals.in_flight.update(in_flight)
        return totals

    def add(self, other: ExchangeTotals) -> None:
        for key, kind in other.by_kind.items():
            self.by_kind.setdefault(key, Exchanges()).add(kind)
        for side, number in other.in_flight.items():
            self.in_flight[side] += number


def _outcome(measured: Measurement) -> tuple[str, str, str]:
    fault = measured.fault
    if fault is not None:
        origin, cause = _family(fault)
        if fault.foreign and origin == "other":  # a SOAP service's own
            return "service_error", "", ""
        return "fault", origin, cause
    if measured.succeeded:
        return "ok", "", ""
    return ("service_error" if (measured.status or 0) >= 400 else "abandoned"), "", ""


def _family(fault: Fault) -> tuple[str, str]:
    """(origin, cause), each from a closed set."""
    return _family_of(fault.code) if len(fault.code) <= 200 else ("other", "other")


@lru_cache(maxsize=1024)
def _family_of(code: str) -> tuple[str, str]:
    code = respell(code, Spelling.SNAKE_CASE)
    origin = next((origin for origin in _ORIGINS if code.startswith(f"{origin}.")), "other")
    cause = code.rpartition(".")[2]
    return origin, cause if cause in CODES else "other"
