"""Health data: what became of each service's requests in the last minutes (PR-OPMON 3). Sums that can be added up; pure.

Only what a server did as the service's provider counts, and durations and sizes of successful requests alone (the
reference's HealthDataMetrics). A requester makes up service codes and versions as it likes, so a service is told of only when
a record shows that there is one: its server went on to ask it, or answered for it. The reference counts them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt

from sild.op_monitor.records import OperationalDataRecord
from sild.xroad.identifiers import ClientId, ServiceId

__all__ = ["MEASURES", "Measure", "ServicePeriod", "service_key", "service_of_key", "sum_by_service"]

MEASURES = ("duration", "request_size", "response_size")
ANSWERED_BY_THE_SERVER = frozenset(
    (
        "listMethods",
        "allowedMethods",
        "getWsdl",
        "getOpenAPI",
        "getSecurityServerOperationalData",
        "getSecurityServerHealthData",
    )
)
"""Services whose version no server looks at (PR-META, PR-MREST, PR-OPMON): they count as those without one."""


@dataclass(slots=True)
class Measure:
    """Count, extremes, mean and m2, the sum of squared differences from the mean; added up without loss of precision."""

    count: int = 0
    min: int = 0
    max: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def add(self, value: int) -> None:
        """Welford 1962."""
        if not self.count:
            self.min = self.max = value
        elif value < self.min:
            self.min = value
        elif value > self.max:
            self.max = value
        self.count += 1
        apart = value - self.mean
        self.mean += apart / self.count
        self.m2 += apart * (value - self.mean)

    def merge(self, other: Measure) -> None:
        """Chan, Golub, LeVeque 1979."""
        if not other.count:
            return
        if not self.count:
            self.count, self.min, self.max = other.count, other.min, other.max
            self.mean, self.m2 = other.mean, other.m2
            return
        total = self.count + other.count
        apart = other.mean - self.mean
        self.m2 += other.m2 + apart * apart * self.count * other.count / total
        self.mean += apart * other.count / total
        self.count = total
        self.min, self.max = min(self.min, other.min), max(self.max, other.max)

    @property
    def standard_deviation(self) -> float:
        """Of a sample, as the reference's: 0 for a single value."""
        return sqrt(self.m2 / (self.count - 1)) if self.count > 1 else 0.0


@dataclass(slots=True)
class ServicePeriod:
    """One service's requests over a time. last_*: Unix milliseconds of the newest answer.  exists: a record shows it."""

    successful: int = 0
    unsuccessful: int = 0
    measures: dict[str, Measure] = field(default_factory=lambda: {name: Measure() for name in MEASURES})
    service_type: str | None = None
    last_successful: int | None = None
    last_unsuccessful: int | None = None
    exists: bool = False

    def add(self, record: OperationalDataRecord) -> None:
        self.service_type = record.service_type
        if record.succeeded or record.request_out_ts is not None:
            self.exists = True
        if not record.succeeded:
            self.unsuccessful += 1
            self.last_unsuccessful = record.response_out_ts
            return
        self.successful += 1
        self.last_successful = record.response_out_ts
        self.measures["duration"].add(record.response_out_ts - record.request_in_ts)
        if record.request_size is not None:
            self.measures["request_size"].add(record.request_size)
        if record.response_size is not None:
            self.measures["response_size"].add(record.response_size)

    def merge(self, other: ServicePeriod) -> None:
        self.successful += other.successful
        self.unsuccessful += other.unsuccessful
        for name, measure in other.measures.items():
            self.measures[name].merge(measure)


def sum_by_service(records: Iterable[OperationalDataRecord]) -> dict[str, ServicePeriod]:
    """By `service_key`. Records of a client's side, and those that name no service, count nowhere."""
    sums: dict[tuple[str | None, ...], ServicePeriod] = {}
    for record in records:
        if record.security_server_type != "Producer":
            continue
        parts = (
            record.service_xroad_instance,
            record.service_member_class,
            record.service_member_code,
            record.service_subsystem_code,
            record.service_code,
            None if record.service_code in ANSWERED_BY_THE_SERVER else record.service_version,
        )
        if not (parts[0] and parts[1] and parts[2] and parts[4]):
            continue
        period = sums.get(parts)
        if period is None:
            period = sums[parts] = ServicePeriod()
        period.add(record)
    return {service_key(parts): period for parts, period in sums.items()}


def service_key(parts: Sequence[str | None]) -> str:
    """Instance, class, member code, subsystem code or None, service code, version or None."""
    return json.dumps(parts, ensure_ascii=False)


def service_of_key(key: str) -> ServiceId:
    instance, member_class, member_code, subsystem, code, version = json.loads(key)
    client = ClientId(instance, member_class, member_code, subsystem or None)
    return ServiceId(client, code, version or None)
