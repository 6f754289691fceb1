"""Metrics of getSecurityServerMetrics and how they are written (monitoring.xsd; WIRE 15).

The prefix `m` and the absence of white space are what existing collectors' regular expressions meet (COMPAT I2, I13).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from xml.sax.saxutils import escape

from sild.pki import Certificate, der

__all__ = [
    "MONITORING",
    "HistogramMetric",
    "Metric",
    "MetricSet",
    "NumericMetric",
    "StringMetric",
    "certificate_metrics",
    "plain_metric",
    "render_metrics_response",
]

MONITORING = "http://x-road.eu/xsd/monitoring"
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,300})(\.[0-9]{1,300})?")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class StringMetric:
    name: str
    value: str
    is_told = True

    def render(self) -> str:
        return _element("stringMetric", self.name, _text("value", self.value))


@dataclass(frozen=True, slots=True)
class NumericMetric:
    """value: an xs:decimal."""

    name: str
    value: str
    is_told = True

    def render(self) -> str:
        return _element("numericMetric", self.name, _text("value", self.value))


@dataclass(frozen=True, slots=True)
class HistogramMetric:
    """Of samples; stddev is the sample's."""

    name: str
    updated: datetime
    least: float
    most: float
    mean: float
    median: float
    stddev: float
    is_told = True

    @classmethod
    def of(cls, name: str, updated: datetime, samples: Sequence[float]) -> HistogramMetric:
        ordered, count = sorted(samples), len(samples)
        mean = math.fsum(ordered) / count
        half = count // 2
        median = ordered[half] if count % 2 else (ordered[half - 1] + ordered[half]) / 2
        squares = math.fsum((value - mean) ** 2 for value in ordered)
        deviation = math.sqrt(squares / (count - 1)) if count > 1 else 0.0
        return cls(name, updated, ordered[0], ordered[-1], mean, median, deviation)

    def render(self) -> str:
        at = self.updated.astimezone(UTC)
        values = (
            ("updated", f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"),
            ("min", _decimal(self.least)),
            ("max", _decimal(self.most)),
            ("mean", _decimal(self.mean)),
            ("median", _decimal(self.median)),
            ("stddev", _decimal(self.stddev)),
        )
        return _element("histogramMetric", self.name, "".join(_text(*pair) for pair in values))


@dataclass(frozen=True, slots=True)
class MetricSet:
    name: str
    metrics: tuple[Metric, ...]

    @property
    def is_told(self) -> bool:
        """The schema knows no empty set."""
        return bool(self.metrics)

    def render(self) -> str:
        return _element("metricSet", self.name, "".join(metric.render() for metric in self.metrics))


Metric = StringMetric | NumericMetric | HistogramMetric | MetricSet


def plain_metric(name: str, value: str | int) -> StringMetric | NumericMetric:
    """A number where the text is one, as the reference decides it."""
    text = str(value)
    return NumericMetric(name, text) if _NUMBER.fullmatch(text) else StringMetric(name, text)


def certificate_metrics(certificate: Certificate, kind: str, *, active: bool) -> MetricSet:
    """kind: AUTH_OR_SIGN, SECURITY_SERVER_TLS or INTERNAL_IS_CLIENT_TLS.

    What X-Road calls `sha1Hash` is its SHA-256 since it no longer trusts SHA-1; only the name stayed.
    """
    digest = hashlib.sha256(der(certificate)).hexdigest().upper()
    delimited = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    values = (
        ("sha1Hash", delimited),
        ("notBefore", f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"),
        ("notAfter", f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"),
        ("certificateType", kind),
        ("active", str(active).lower()),
    )
    return MetricSet(f"certificate-{delimited}", tuple(StringMetric(*pair) for pair in values))


def render_metrics_response(root: MetricSet) -> str:
    """The Body's element."""
    return (
        f'<m:getSecurityServerMetricsResponse xmlns:m="{MONITORING}">'
        f"{root.render()}</m:getSecurityServerMetricsResponse>"
    )


def _element(tag: str, name: str, inner: str) -> str:
    return f"<m:{tag}>{_text('name', name)}{inner}</m:{tag}>"


def _text(tag: str, text: str) -> str:
    return f"<m:{tag}>{escape(_NOT_XML.sub(chr(0xFFFD), text))}</m:{tag}>"


def _decimal(value: float) -> str:
    return f"{Decimal(repr(value)):f}"
