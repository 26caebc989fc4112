"""Every setting of the service, read once from the environment at the edge and passed on from there."""

import re
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from cronsim import CronSim, CronSimError
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.event_kinds import EventKinds

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.-]+(:\d{1,5})?|[a-z][a-z0-9+.-]*://\[[0-9a-f:]+\](:\d{1,5})?")
_POSTGRES = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


class Settings(BaseSettings):
    """Settings, each an environment variable with the prefix ``MEDLEY_``; units are part of the names."""

    model_config = SettingsConfigDict(
        env_prefix="MEDLEY_", frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        default=Path(".medley"),
        description="Where the embedded Postgres, artifacts and downloads live, unless set apart.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="A Postgres (14 or newer) to use; without it an embedded one is started under data_dir.",
    )
    database_pool_size: int = Field(
        default=5,
        ge=1,
        le=200,
        description="Connections a worker keeps for lists and batches, and as many for single writes.",
    )
    history_pool_size: int = Field(default=4, ge=1, le=200, description="Connections a worker keeps for histories.")
    database_statement_timeout_ms: int = Field(default=10_000, ge=100, description="Longest statement of a request.")
    history_timeout_ms: int = Field(default=200, ge=1, description="How long a recommendation waits for the history.")
    history_failures: int = Field(
        default=5, ge=1, description="Histories that cannot be read in a row until none is asked for, for a pause."
    )
    history_pause_ms: int = Field(
        default=500, ge=1, description="How long no history is asked for before one request tries again."
    )
    artifact_dir: Path | None = Field(
        default=None, description="Where releases are kept; by default data_dir/artifacts."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Signs cursors and other tokens, the same on every machine; by default data_dir/secret.key is made.",
    )

    bootstrap_key: SecretStr | None = Field(
        default=None,
        description="The API key that `medley keys ensure` stores: medley_bootstrap_ and 32 or more random letters and digits.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(default=1, ge=1, le=256, description="Processes that serve, all on one socket.")
    allow_unauthenticated: bool = Field(
        default=False,
        description="Listen on other addresses than loopback with no API key configured (for containers).",
    )
    trusted_proxies: str | None = Field(
        default=None,
        description="Addresses or networks of proxies, parted by commas, whose X-Forwarded-For and -Proto are believed.",
    )
    pages: bool = Field(
        default=True, description="Show the storefront at / and operations at /ops; false leaves the API alone."
    )
    cors_origins: str | None = Field(
        default=None,
        description="Origins whose pages may call from a browser, parted by commas, such as https://example.com; or *.",
    )
    gzip_min_bytes: int = Field(
        default=2_000, ge=0, description="Answers of this size are compressed for clients that take gzip; 0 for never."
    )
    rate_limit_per_address: str | None = Field(
        default=None,
        description="Requests of one address to one worker, such as 100/second;3000/minute; empty for any.",
    )
    rate_limit_per_key: str | None = Field(
        default=None, description="Requests with one API key to one worker, in the same form."
    )
    rate_limit_per_user: str | None = Field(
        default=None, description="Requests with user tokens of one user to one worker, in the same form."
    )
    user_token_max_seconds: int = Field(
        default=86_400, ge=1, le=31_536_000, description="Longest time that a user token may still be good for."
    )
    drain_seconds: int = Field(
        default=20, ge=0, le=600, description="How long requests in flight may take after SIGTERM."
    )
    opentelemetry: bool = Field(
        default=False, description="Send traces to where OTEL_EXPORTER_OTLP_ENDPOINT says; needs medley[telemetry]."
    )
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="Least severe log line shown."
    )
    log_format: str = Field(
        default="console", pattern="^(json|console)$", description="Log lines as JSON or for people."
    )

    rating_min: float = Field(default=0.5, ge=-1e12, le=1e12, description="Lowest rating on the scale.")
    rating_max: float = Field(default=5.0, ge=-1e12, le=1e12, description="Highest rating on the scale.")
    clock_skew_seconds: int = Field(default=300, ge=0, description="How far ahead of the clock a client's time may be.")
    create_placeholder_items: bool = Field(
        default=False, description="Create a bare item when a rating names an unknown one, instead of refusing it."
    )
    event_kinds: EventKinds = Field(
        default=EventKinds(),
        description="The events that may be sent and what each kind means, as JSON; replaces the table.",
    )
    event_retention_days: int = Field(
        default=730, ge=0, le=36_500, description="Events older than this are deleted; 0 keeps them for good."
    )
    cursor_hours: int = Field(default=24, ge=1, le=8_760, description="How long a list can be paged through.")
    attribution_days: int = Field(
        default=7,
        ge=1,
        le=90,
        description="How long after a list was made its impressions, clicks and conversions are counted.",
    )
    conversion_weight: float = Field(
        default=1.0, gt=0, le=10, description="Events of at least this weight are conversions, such as a purchase."
    )
    conversion_rating: float | None = Field(
        default=None, description="Ratings from here on are conversions; by default four fifths of rating_max."
    )
    max_body_bytes: int = Field(default=8_000_000, ge=1_000, description="Largest request body, compressed or not.")

    release_poll_seconds: float = Field(
        default=0.5, gt=0, le=60, description="How often a worker looks for a new release."
    )

    training_schedule: str = Field(
        default="0 3 * * *", description="When `medley worker` trains: a cron expression, in UTC; empty for never."
    )
    training_new_ratings: int = Field(
        default=100_000, ge=0, description="Train after so many rating writes since the last training; 0 for never."
    )
    training_tune_minutes: float = Field(
        default=0.0,
        ge=0,
        le=1_440,
        allow_inf_nan=False,
        description="How long `medley worker` searches for better hyper-parameters in each run; 0 for not at all.",
    )
    training_poll_seconds: float = Field(
        default=1.0, gt=0, le=60, description="How often `medley worker` looks for work."
    )
    releases_kept: int = Field(
        default=3, ge=0, description="How many releases keep their artifact, besides the active one."
    )

    @field_validator("database_url")
    @classmethod
    def _address_of_a_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        """Refuse here, without its words, what a driver would quote in its error, password and all."""
        if url is not None:
            try:
                parts = urlsplit(url.get_secret_value())
                sound = parts.scheme in _POSTGRES and parts.netloc.count("@") <= 1 and parts.port != 0
            except ValueError:
                sound = False
            if not sound:
                raise ValueError(
                    "must be like postgresql://user:password@host:5432/database, with / ? # @ % in the password written as"
                    " %2F %3F %23 %40 %25"
                )
        return url

    @model_validator(mode="after")
    def _scale_has_two_ends(self) -> "Settings":
        if self.rating_min >= self.rating_max:
            raise ValueError("MEDLEY_RATING_MIN must be below MEDLEY_RATING_MAX")
        return self

    @field_validator("rate_limit_per_address", "rate_limit_per_key", "rate_limit_per_user")
    @classmethod
    def _rates_that_let_somebody_through(cls, rates: str | None) -> str | None:
        if rates and rates.strip():
            from limits import parse_many  # noqa: PLC0415 - slow to import, and most services limit nothing

            if any(item.amount < 1 for item in parse_many(rates)):
                raise ValueError("a rate limit lets at least one request through")
        return rates.strip() or None if rates else None

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, proxies: str | None) -> str | None:
        found = [each.strip() for each in (proxies or "").split(",") if each.strip()]
        return ",".join(str(ip_network(each, strict=False)) for each in found) or None

    @field_validator("cors_origins")
    @classmethod
    def _origins_as_browsers_send_them(cls, origins: str | None) -> str | None:
        found = [each.strip() for each in (origins or "").split(",") if each.strip()]
        if any(each != "*" and not _ORIGIN.fullmatch(each) for each in found):
            raise ValueError(
                "an origin is like https://example.com or http://localhost:3000, in lower case and without a path"
            )
        return ",".join(found) or None

    @field_validator("training_schedule")
    @classmethod
    def _schedule_comes(cls, schedule: str) -> str:
        if schedule.strip():
            try:
                next(CronSim(schedule, datetime.now(UTC)))
            except CronSimError as error:
                raise ValueError(f"not a cron expression: {error}") from error
            except StopIteration:
                raise ValueError("a cron expression that never comes") from None
        return schedule.strip()

    @property
    def artifacts(self) -> Path:
        """The directory that holds the releases."""
        return self.artifact_dir or self.data_dir / "artifacts"
