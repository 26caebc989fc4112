"""OpenTelemetry by setting: FastAPI's own instrumentation, sent to where the standard OTEL_ variables say."""

from importlib.util import find_spec
from typing import TypedDict

from app.errors import ConfigurationError

_EXPORTER = "opentelemetry.exporter.otlp.proto.http"


class Switches(TypedDict):
    """The part of FastAPI's telemetry configuration that is set here."""

    tracing: bool
    metrics: bool
    logs: bool
    auto_configure: bool


def telemetry_switches(*, on: bool) -> Switches:
    """What FastAPI is told. Raises ConfigurationError where it is on and the exporter is not installed.

    FastAPI itself would only log a warning, and the operator would look for the traces elsewhere. Metrics and logs have their
    own ways out (/metrics, standard error) and are not sent twice.
    """
    if on and not _is_installed():
        raise ConfigurationError("MEDLEY_OPENTELEMETRY needs the exporter: pip install 'medley[telemetry]'")
    return {"tracing": on, "metrics": False, "logs": False, "auto_configure": on}


def _is_installed() -> bool:
    try:
        return find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False
