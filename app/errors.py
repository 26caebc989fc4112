"""The few kinds of failure. Each has a stable code; what they mean in HTTP is decided in ``app.api``."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One offending field: a JSON Pointer (RFC 6901) into what was sent, a stable code and an English sentence."""

    pointer: str
    code: str
    detail: str


class MedleyError(Exception):
    """A failure that a caller may be told about. ``code`` is stable; ``detail`` is one English sentence."""

    code = "internal_error"

    def __init__(self, detail: str, *, code: str | None = None, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.errors = tuple(errors)


class InvalidInput(MedleyError):
    """What was sent cannot be accepted, whatever the state of the service."""

    code = "invalid_input"


class NotFound(MedleyError):
    """The named thing does not exist."""

    code = "not_found"


class Conflict(MedleyError):
    """The request contradicts the present state."""

    code = "conflict"


class Unavailable(MedleyError):
    """Something this needs is not there now; the same request may succeed later."""

    code = "unavailable"


class ArtifactRejected(MedleyError):
    """An artifact is missing, damaged, of a foreign format or of shapes that do not fit."""

    code = "artifact_rejected"


class ConfigurationError(MedleyError):
    """The settings or the machine do not allow what was asked; the sentence says what to change."""

    code = "configuration_error"
