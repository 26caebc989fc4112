"""Logs: one structlog pipeline for our own lines and those of libraries, as JSON or for people."""

import json
import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def configure_logging(level: str, log_format: str) -> None:
    """Send every log line of the process to standard error, at ``level`` and above, as ``json`` or ``console``."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    render = _renderers(log_format)
    structlog.configure(
        processors=[*_SHARED, *render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder(), _drop_colours],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    for noisy in ("httpx", "httpcore", "psycopg.pool"):
        logging.getLogger(noisy).setLevel(max(threshold, logging.WARNING))


def _renderers(log_format: str) -> list[Processor]:
    # Neither shows local variables: they hold what clients sent.
    if log_format == "json":
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [
            structlog.processors.ExceptionRenderer(tracebacks),
            structlog.processors.JSONRenderer(serializer=_write_json),
        ]
    return [
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    ]


def _write_json(event: Any, **options: Any) -> str:
    # Several times as fast as json; there is a line for every request.
    try:
        return orjson.dumps(event, default=options["default"], option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a lone surrogate, or an integer of more than 64 bits
        return json.dumps(event, **options)


def _drop_colours(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """uvicorn gives its lines twice, the second time with the codes of a terminal."""
    event.pop("color_message", None)
    return event
