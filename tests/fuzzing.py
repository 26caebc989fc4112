"""Requests made from the description of the API and sent to the whole service, and what their answers have to be.

schemathesis makes the requests. It takes a second to import, and one of the workers of a test run needs it: the others, which
import this module too, do not load it.
"""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guarded import make_keys

from app.config import Settings

if TYPE_CHECKING:
    from hypothesis import settings as HypothesisSettings  # noqa: N812 - the library's own name
    from schemathesis import APIOperation, BaseSchema, Case, CheckContext, Response

DESCRIPTION = json.loads((Path(__file__).parents[1] / "docs" / "openapi.json").read_text(encoding="utf-8"))
BOUNDARIES = 25
"""How many of an operation's boundary cases are sent, spread over all of them."""

# What a request that is as described may be refused for: what no schema can say.
BEYOND_THE_SCHEMA = frozenset(
    {
        "invalid_cursor",  # cursors are signed, or say which list they are of
        "unknown_item",
        # Fields that depend on each other, which the descriptions say in words: a schema that says it makes poor client code.
        "required",  # an event is of a user or of a session
        "liked_and_disliked",
        "same_user",  # a user and themselves
        "expires_twice",
        "not_after_start",
        "bad_range",
        # What the description says of all ids and texts.
        "nul_character",
        "reserved_id",
        "not_a_web_address",
        "unknown_field",  # an entry of a history is a rating or an event
        "not_an_integer",  # 7.0, which is one to JSON Schema: numbers are strict here
        # Free JSON is bounded in depth, bytes and numbers.
        "number_out_of_range",
        "too_deep",
        "too_long",
        "idempotency_key_reused",  # a key goes with the request that it was first sent with
        # What depends on the clock, on a setting, or on a list that was given.
        "in_the_past",
        "in_the_future",
        "too_early",
        "off_scale",
        "unknown_kind",
        "invalid_recommendation_id",
        "recommendation_expired",
    }
)
# A batch takes the good rows and says of the others what is wrong with them.
BATCHES = frozenset({"post_ratings", "post_events", "put_items"})
CONFIGURATION: dict[str, Any] = {
    "generation": {"deterministic": True, "with-security-parameters": False},
    "checks": {"negative_data_rejection": {"expected-statuses": [400, 404, 405, 409, 413, 415, 422]}},
}


def operation_ids() -> list[str]:
    """Every operation that is described."""
    return [each["operationId"] for methods in DESCRIPTION["paths"].values() for each in methods.values()]


class Fuzzed:
    """A whole service with a release and keys, and its description as schemathesis takes it."""

    def __init__(self, schema: "BaseSchema", key: str) -> None:
        self.schema = schema
        self.headers = {"Authorization": f"Bearer {key}"}

    def operation(self, operation_id: str) -> "APIOperation":
        """The operation with this id."""
        return next(
            operation
            for operation in (each.ok() for each in self.schema.get_all_operations())
            if operation.definition.raw["operationId"] == operation_id
        )

    def boundaries(self, operation: "APIOperation") -> "Iterator[Case]":
        """Requests with each value at an end of what is allowed, or just beyond."""
        from schemathesis import GenerationMode  # noqa: PLC0415

        cases = list(
            self.schema.iter_coverage_cases(
                operation,
                generation_modes=list(GenerationMode),
                generation_config=self.schema.config.generation_for(operation=operation, phase="coverage"),
            )
        )
        return islice(cases, 0, None, max(1, len(cases) // BOUNDARIES))

    def send(self, case: "Case") -> None:
        """Send a request, and check the answer."""
        case.call_and_validate(headers=self.headers, checks=checks_of(case.operation))

    def fuzz(self, operation: "APIOperation", settings: "HypothesisSettings") -> None:
        """Send requests of random values, some as described and some not."""
        import hypothesis  # noqa: PLC0415
        from hypothesis import strategies as st  # noqa: PLC0415
        from schemathesis import GenerationMode  # noqa: PLC0415

        cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode])

        @settings
        @hypothesis.given(case=cases)
        def send(case: "Case") -> None:
            self.send(case)

        send()

    def walk(self, settings: "HypothesisSettings") -> None:
        """Follow operations with those that take what they answered."""
        fuzzed = self

        class Walk(self.schema.as_state_machine()):  # type: ignore[misc]
            def get_call_kwargs(self, case: "Case") -> dict[str, Any]:  # noqa: ARG002 - called by name
                return {"headers": fuzzed.headers}

            def validate_response(self, response: "Response", case: "Case", *_: Any, **__: Any) -> None:
                case.validate_response(response, checks=checks_of(case.operation))

        Walk.run(settings=settings)


def checks_of(operation: "APIOperation") -> list[Any]:
    """What every answer has to be.

    Not asked are those checks that send a request again without its key (test_access_api asks that of every operation) and those
    that take a user for a thing that has to be made before it is read: here everybody has a list, and writing makes a user.
    """
    from schemathesis import checks  # noqa: PLC0415
    from schemathesis.specs.openapi import checks as described  # noqa: PLC0415

    chosen = [
        checks.not_a_server_error,
        described.status_code_conformance,
        described.content_type_conformance,
        described.response_headers_conformance,
        described.response_schema_conformance,
        described.unsupported_method,
        is_taken_if_it_is_as_described,
        is_a_problem_if_it_is_refused,
    ]
    if operation.definition.raw["operationId"] not in BATCHES:
        chosen.append(described.negative_data_rejection)
    return chosen


def is_taken_if_it_is_as_described(_: "CheckContext", response: "Response", case: "Case") -> None:
    """A request that the description allows is refused only for what a schema cannot say."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 422:
        return
    body = response.json()
    codes = {body["code"], *(each["code"] for each in body["errors"])} - {"invalid_input"}
    assert codes <= BEYOND_THE_SCHEMA, f"as described, and refused: {response.text}"


def is_a_problem_if_it_is_refused(_: "CheckContext", response: "Response", case: "Case") -> None:
    """Whatever is refused is refused in the one form, with the id of the request, and without our innards."""
    if response.status_code < 400:
        return
    body = response.json()
    assert response.headers["content-type"] == ["application/problem+json"]
    assert body["request_id"] == response.headers["x-request-id"][0]
    assert (body["status"], body["type"]) == (response.status_code, f"urn:medley:problem:{body['code']}")
    assert not [word for word in ("Traceback", "psycopg", "sqlalchemy", "SELECT ", "pydantic") if word in response.text]


@contextmanager
def fuzzed_service(url: str, data_dir: Path) -> Generator[Fuzzed]:
    """The service on a trained database, in a thread of schemathesis with an event loop of its own."""
    import schemathesis  # noqa: PLC0415
    from schemathesis.python import asgi  # noqa: PLC0415

    from app.main import create_app  # noqa: PLC0415

    *_, key = make_keys(url)
    app = create_app(Settings(database_url=url, data_dir=data_dir, port=0, release_poll_seconds=60))
    schema = schemathesis.openapi.from_dict(app.openapi(), config=schemathesis.Config.from_dict(CONFIGURATION))
    schema.app = app
    try:
        yield Fuzzed(schema, key)
    finally:
        asgi.shutdown_lifespans()
