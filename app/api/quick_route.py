"""The quick way through a route: the values of its arguments without FastAPI's solving of dependencies.

FastAPI walks a route's dependencies anew for every request, which takes longer than finding a user's history. For a route that
needs nothing but parts of the path, a query that was read before, a JSON body and what the process holds, the walk is taken
once, when the route is made. Whatever is out of the ordinary (a value that cannot be accepted, a query that is not remembered)
is left to FastAPI, which says what is wrong in its own way.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, cast, get_type_hints
from urllib.parse import unquote

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.api.access import Access, admit, check_body
from app.api.conditional import ETag
from app.api.query_memory import NotRemembered, RememberedQuery
from app.api.strict_json import StrictRequest


@dataclass(frozen=True, slots=True)
class _Step:
    """One call of a dependency: ``inputs`` are the earlier steps whose values it takes, by the name of the argument."""

    call: Callable[..., Awaitable[Any]]
    request_name: str | None
    inputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class QuickRoute:
    """A route's endpoint with all that is needed to call it."""

    endpoint: Callable[..., Awaitable[Response]]
    path_fields: Sequence[ModelField]
    body_field: ModelField | None
    steps: Sequence[_Step]
    inputs: tuple[tuple[str, int], ...]
    queries: Sequence[RememberedQuery]
    access: Access
    etag: ETag | None

    @classmethod
    def of(
        cls, dependant: Dependant, body_field: ModelField | None, access: Access, etag: ETag | None
    ) -> "QuickRoute | None":
        """The quick way for a route with this dependant, whose queries are remembered ones; None where there is none."""
        if dependant.query_params or dependant.header_params or dependant.cookie_params or _wants_more(dependant):
            return None
        if dependant.request_param_name or len(dependant.body_params) > 1 or not _answers_itself(dependant.call):
            return None
        steps: list[_Step] = []
        inputs = _plan(dependant, steps)
        if inputs is None:
            return None
        calls = (getattr(step.call, "__self__", None) for step in steps)
        queries = tuple(call for call in calls if isinstance(call, RememberedQuery))
        endpoint = cast("Callable[..., Awaitable[Response]]", dependant.call)
        path_fields = tuple(dependant.path_params)
        return cls(endpoint, path_fields, body_field, tuple(steps), inputs, queries, access, etag)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Answer a request that was let in. Where that is left to FastAPI nothing was sent, and it is to receive from what this
        gives."""
        query: bytes = scope["query_string"]
        if query and not (self.queries and all(each.knows(query) for each in self.queries)):
            return receive
        values = self._path_values(scope["path_params"])
        if values is None:
            return receive
        request = Request(scope, receive)
        if self.body_field is not None:
            reader = StrictRequest(scope, receive)
            body = await reader.json()
            check_body(admit(scope, self.access), self.access, body)
            value, errors = self.body_field.validate(body)
            receive = _replay(await reader.body())
            if errors:
                return receive
            values[self.body_field.name] = value
        try:
            found: list[Any] = []
            for step in self.steps:
                arguments = {name: found[place] for name, place in step.inputs}
                if step.request_name is not None:
                    arguments[step.request_name] = request
                found.append(await step.call(**arguments))
        except NotRemembered:
            return receive
        for name, place in self.inputs:
            values[name] = found[place]
        response = await self.endpoint(**values)
        if self.etag is not None:
            response = self.etag.apply(request, response)
        await response(scope, receive, send)
        return None

    def _path_values(self, params: Mapping[str, str]) -> dict[str, Any] | None:
        """The parts of the path, decoded and checked; None where one cannot be accepted."""
        values: dict[str, Any] = {}
        for field in self.path_fields:
            values[field.name], errors = field.validate(unquote(params[field.alias]))
            if errors:
                return None
        return values


def _answers_itself(endpoint: Callable[..., Any] | None) -> bool:
    """Whether an endpoint gives the answer as it is to be sent, with nothing left to do for FastAPI."""
    returned = get_type_hints(endpoint).get("return") if iscoroutinefunction(endpoint) else None
    return isinstance(returned, type) and issubclass(returned, Response)


def _plan(dependant: Dependant, steps: list[_Step]) -> tuple[tuple[str, int], ...] | None:
    """Add the calls of a dependant's dependencies to ``steps``, each once; gives where its own arguments come from."""
    inputs: list[tuple[str, int]] = []
    for part in dependant.dependencies:
        place = _place(part, steps)
        if place is None:
            return None
        if part.name is not None:
            inputs.append((part.name, place))
    return tuple(inputs)


def _place(part: Dependant, steps: list[_Step]) -> int | None:
    """The step that calls this dependency, a new one if need be; None where the quick way cannot call it."""
    call = part.call
    reads = (part.path_params, part.query_params, part.header_params, part.cookie_params, part.body_params)
    if any(reads) or _wants_more(part) or not iscoroutinefunction(call):
        return None
    known = next((place for place, step in enumerate(steps) if step.call == call), None)
    if known is not None:
        return known
    inputs = _plan(part, steps)
    if inputs is None:
        return None
    steps.append(_Step(cast("Callable[..., Awaitable[Any]]", call), part.request_param_name, inputs))
    return len(steps) - 1


def _wants_more(part: Dependant) -> bool:
    """Whether something is asked for that only FastAPI gives."""
    return any(
        (
            part.http_connection_param_name,
            part.response_param_name,
            part.background_tasks_param_name,
            part.security_scopes_param_name,
            part.own_oauth_scopes,
            not part.use_cache,
            part.concurrency,
        )
    )


def _replay(body: bytes) -> Receive:
    """What receives a body that was read already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
