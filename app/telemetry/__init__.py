"""What a process tells those who run it: logs, metrics, traces."""

from app.telemetry.logs import configure_logging

__all__ = ["configure_logging"]
