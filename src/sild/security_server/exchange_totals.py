"""Running totals of exchanges for `/metrics`: a few additions on each exchange, no lock, no string made.

Every label comes from a closed set: what another side sent is looked up in X-Road's own list of fault codes and is `other`
if it is not there. Totals of several processes can be added up: see `shared_totals`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from sild.security_server.measurement import CLIENT, PRODUCER, Measurement
from sild.xroad.fault_codes import CODES, Spelling, respell
from sild.xroad.faults import Fault

__all__ = ["BUCKETS", "FIGURES", "ExchangeTotals", "Figures", "Key"]

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of durations in seconds."""

COUNT, SECONDS, REQUEST_BYTES, RESPONSE_BYTES, FIRST_BUCKET = range(5)
FIGURES = FIRST_BUCKET + len(BUCKETS) + 1
"""How many figures there are of one kind of exchange; the last bucket has no upper bound."""

_SIDES = {CLIENT: "client", PRODUCER: "provider"}
_ORIGINS = ("server.clientproxy", "server.serverproxy", "signer", "client")

Key = tuple[str, ...]
"""Side (client, provider), service type, outcome (ok, service_error, fault, abandoned), origin and cause of a fault."""

Figures: TypeAlias = "array[float] | memoryview[float]"  # neither type can be subscripted at run time
IN_FLIGHT: Key = ("in_flight",)


def _own_figures(_key: Key) -> Figures:
    return array("d", bytes(8 * FIGURES))


class ExchangeTotals:
    """by_kind: figures of each kind of exchange; in_flight: of `IN_FLIGHT`, by side.  new_figures: where they are kept."""

    def __init__(self, new_figures: Callable[[Key], Figures] = _own_figures) -> None:
        self._new_figures = new_figures
        self.by_kind: dict[Key, Figures] = {}
        self._in_flight = new_figures(IN_FLIGHT)

    @property
    def in_flight(self) -> dict[str, float]:
        return {"client": self._in_flight[0], "provider": self._in_flight[1]}

    def keep(self, new_figures: Callable[[Key], Figures]) -> None:
        """From now on elsewhere, what has been counted so far included."""
        old, before = self.by_kind, self._in_flight
        self._new_figures, self.by_kind, self._in_flight = new_figures, {}, new_figures(IN_FLIGHT)
        _add(self._in_flight, before)
        for key, figures in old.items():
            _add(self.of(key), figures)

    def of(self, key: Key) -> Figures:
        figures = self.by_kind.get(key)
        if figures is None:
            figures = self.by_kind[key] = self._new_figures(key)
        return figures

    def begins(self, server_type: str) -> None:
        self._in_flight[0 if server_type == CLIENT else 1] += 1

    def ends(self, measured: Measurement) -> None:
        self._in_flight[0 if measured.server_type == CLIENT else 1] -= 1
        outcome, origin, cause = _outcome(measured)
        side = _SIDES[measured.server_type]
        figures = self.of((side, measured.service_type or "unknown", outcome, origin, cause))
        seconds = ((measured.response_out or measured.request_in) - measured.request_in) / 1e9
        figures[COUNT] += 1
        figures[SECONDS] += seconds
        figures[FIRST_BUCKET + bisect_left(BUCKETS, seconds)] += 1
        figures[REQUEST_BYTES] += measured.request_mime_size or measured.request_size or 0
        figures[RESPONSE_BYTES] += measured.response_mime_size or measured.response_size or 0

    def add(self, key: Key, figures: Figures) -> None:
        """What another has counted."""
        _add(self._in_flight if key == IN_FLIGHT else self.of(key), figures)

    def add_all(self, other: ExchangeTotals) -> None:
        _add(self._in_flight, other._in_flight)
        for key, figures in other.by_kind.items():
            _add(self.of(key), figures)


def _add(figures: Figures, more: Figures) -> None:
    for place, value in enumerate(more):
        figures[place] += value


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
