"""Counters for Prometheus. Label values come from settings and closed sets; nothing a caller or a model says is among them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Measures"]

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)


class Measures:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.calls = Counter("sild_ai_calls", "Calls judged.", ["verdict", "reason"], registry=self._registry)
        self.attempts = Counter(
            "sild_ai_attempts",
            "Askings of providers.",
            ["provider", "place", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "sild_ai_attempt_seconds",
            "From asking to the end.",
            ["provider"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.tokens = Counter(
            "sild_ai_tokens", "As providers count them.", ["provider", "direction"], registry=self._registry
        )
        self.alerts = Counter("sild_ai_alerts", "For people to look at.", ["kind"], registry=self._registry)
        self.off = Gauge("sild_ai_provider_off", "1: switched off.", ["provider"], registry=self._registry)
        self.broken = Gauge(
            "sild_ai_provider_left_alone", "1: it failed too often.", ["provider"], registry=self._registry
        )

    def render(self) -> bytes:
        """The text format."""
        return generate_latest(self._registry)
