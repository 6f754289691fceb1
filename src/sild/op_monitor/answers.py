"""The bodies of the two services' answers (PR-OPMON 2, 3; COMPAT I2, I3). Blocking where the database is read."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from xml.sax.saxutils import escape

from sild.errors import Unavailable
from sild.op_monitor.criteria import OP_MONITORING, SearchCriteria, ensure_available
from sild.op_monitor.health import MEASURES, ServicePeriod, service_of_key
from sild.op_monitor.records import FIELDS, INTERNAL_IP, Value
from sild.op_monitor.rules import MonitoringRules
from sild.op_monitor.store import RecordQuery, Store
from sild.xroad.identifiers import ClientId
from sild.xroad.soap import IDENTIFIERS
from sild.xroad.soap_writing import service_parts

__all__ = ["ATTACHMENT_CID", "MonitoringAnswer", "health_data", "operational_data"]

ATTACHMENT_CID = "operational-monitoring-data.json.gz"
RECORDS_AT_ONCE = 200
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class MonitoringAnswer:
    """body: the element of the SOAP Body, its prefixes declared.

    attachment: `application/gzip`, content-id `ATTACHMENT_CID`, named in the body by `cid:`; None with health data.
    """

    body: str
    attachment: bytes | None = None


def operational_data(
    store: Store, rules: MonitoringRules, criteria: SearchCriteria, party: ClientId | None
) -> MonitoringAnswer:
    """party: gets only what it took part in, and no internal addresses; None: everything.

    Raises CallerError (`invalid_request`), Unavailable (`internal_error`).
    """
    available_before = store.second() - rules.records_available_timestamp_offset_seconds
    ensure_available(criteria, available_before)
    last, next_from = criteria.records_to, None
    if last >= available_before:
        last, next_from = available_before - 1, available_before
    fields = criteria.output_fields or frozenset(FIELDS)
    if party is not None:
        fields -= {INTERNAL_IP}
    names = tuple(name for name in FIELDS if name in fields)
    columns = tuple(FIELDS[name] for name in names)
    query = RecordQuery(criteria.records_from, last, party, criteria.service_provider, columns)
    try:
        page = _page(store, query, names, rules.max_records_in_payload)
    except Unavailable as error:
        raise _failed("Failed to get records for response", error) from error
    following = page.next_records_from if page.next_records_from is not None else next_from
    return MonitoringAnswer(_operational_body(page.count, following), page.payload)


@dataclass(frozen=True, slots=True)
class _Page:
    payload: bytes
    count: int
    next_records_from: int | None


def _page(store: Store, query: RecordQuery, names: tuple[str, ...], most: int) -> _Page:
    """At most `most` records, and more only so that none of the last second is left behind: a second is never cut."""
    gzip = zlib.compressobj(wbits=_GZIP)
    pieces = [gzip.compress(b'{"records":[')]
    texts: list[str] = []
    count, last_second, next_from = 0, None, None
    with closing(store.records(query)) as rows:
        for second, *values in rows:
            if count >= most and second != last_second:
                assert isinstance(last_second, int)
                next_from = last_second + 1
                break
            texts.append(_record(names, values))
            count, last_second = count + 1, second
            if len(texts) == RECORDS_AT_ONCE:
                pieces.append(
                    gzip.compress((("," if count > RECORDS_AT_ONCE else "") + ",".join(texts)).encode())
                )
                texts.clear()
    separator = "," if texts and count > len(texts) else ""
    pieces.append(gzip.compress((separator + ",".join(texts) + "]}").encode()))
    pieces.append(gzip.flush())
    return _Page(b"".join(pieces), count, next_from)


def _record(names: tuple[str, ...], values: list[Value]) -> str:
    """What is not known is left out, as the reference does: no null is ever written."""
    known = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"))


def _operational_body(count: int, next_records_from: int | None) -> str:
    following = "" if next_records_from is None else _element("nextRecordsFrom", next_records_from)
    return (
        f'<om:getSecurityServerOperationalDataResponse xmlns:om="{OP_MONITORING}">'
        f"{_element('recordsCount', count)}{_element('records', f'cid:{ATTACHMENT_CID}')}{following}"
        "</om:getSecurityServerOperationalDataResponse>"
    )


def health_data(
    store: Store, rules: MonitoringRules, startup_timestamp: int, provider: ClientId | None
) -> MonitoringAnswer:
    """startup_timestamp: milliseconds.  provider: whose services alone. Raises Unavailable (`internal_error`)."""
    period = rules.health_statistics_period_seconds
    try:
        services = store.health(period)
    except Unavailable as error:
        raise _failed("Failed to get health data", error) from error
    return MonitoringAnswer(
        f'<om:getSecurityServerHealthDataResponse xmlns:om="{OP_MONITORING}" xmlns:id="{IDENTIFIERS}">'
        f"{_element('monitoringStartupTimestamp', startup_timestamp)}"
        f"{_element('statisticsPeriodSeconds', period)}"
        f"<om:servicesEvents>{''.join(_services_events(services, provider))}</om:servicesEvents>"
        "</om:getSecurityServerHealthDataResponse>"
    )


def _services_events(services: dict[str, ServicePeriod], provider: ClientId | None) -> Iterator[str]:
    for key, period in sorted(services.items()):
        service = service_of_key(key)
        if provider is not None and service.client_id != provider:
            continue
        yield (
            f'<om:serviceEvents><om:service id:objectType="SERVICE">{service_parts(service)}</om:service>'
            f"{_optional('lastSuccessfulRequestTimestamp', period.last_successful)}"
            f"{_optional('lastUnsuccessfulRequestTimestamp', period.last_unsuccessful)}"
            f"{_optional('serviceType', period.service_type)}"
            f"<om:lastPeriodStatistics>{''.join(_statistics(period))}</om:lastPeriodStatistics>"
            "</om:serviceEvents>"
        )


_SPELLINGS = {
    "duration": ("request", "Duration"),
    "request_size": ("request", "Size"),
    "response_size": ("response", "Size"),
}


def _statistics(period: ServicePeriod) -> Iterator[str]:
    yield _element("successfulRequestCount", period.successful)
    yield _element("unsuccessfulRequestCount", period.unsuccessful)
    for name in MEASURES:
        measure, (what, of) = period.measures[name], _SPELLINGS[name]
        if measure.count:
            yield _element(f"{what}Min{of}", measure.min)
            yield _element(f"{what}Average{of}", measure.mean)
            yield _element(f"{what}Max{of}", measure.max)
            yield _element(f"{what}{of}StdDev", measure.standard_deviation)


def _failed(text: str, error: Unavailable) -> Unavailable:
    failed = Unavailable(text, code="internal_error")
    failed.detail = error.detail
    return failed


def _optional(name: str, value: Value) -> str:
    return "" if value is None else _element(name, value)


def _element(name: str, value: Value | float) -> str:
    return f"<om:{name}>{escape(str(value))}</om:{name}>"
