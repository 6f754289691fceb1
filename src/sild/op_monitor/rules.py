"""What an operator may set about operational monitoring (UG-OPMONSYSPAR; the reference's names and defaults)."""

from __future__ import annotations

from pydantic import Field

from sild.settings import Settings

__all__ = ["BufferRules", "MonitoringRules"]


class BufferRules(Settings):
    """How records wait for the one who keeps them (`op-monitor-buffer.*`). buffer_size 0: nothing is recorded."""

    buffer_size: int = Field(default=20_000, ge=0)
    max_records_in_message: int = Field(default=100, ge=1)
    sending_interval_seconds: float = Field(default=5.0, gt=0)
    socket_timeout_seconds: float = Field(default=60.0, gt=0)


class MonitoringRules(BufferRules):
    """How records are kept and given out (`op-monitor.*`)."""

    keep_records_for_days: float = Field(default=7.0, gt=0)
    clean_interval_seconds: float = Field(default=43_200.0, gt=0)  # X-Road: every twelve hours
    max_records_in_payload: int = Field(default=10_000, ge=1)
    records_available_timestamp_offset_seconds: int = Field(default=60, ge=0)
    health_statistics_period_seconds: int = Field(default=600, ge=1)
