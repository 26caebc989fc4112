"""Remembers what a query string was read as: clients send the same few over and over, and reading one takes FastAPI longer
than finding the user's history."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import solve_dependencies
from starlette.requests import Request

REMEMBERED = 1_024
LONGEST_REMEMBERED = 512
"""In bytes. Longer strings are rare, and read anew each time."""


class QueryRefused(Exception):
    """The query cannot be accepted: FastAPI is to say so itself, along with what is wrong elsewhere in the request."""


class NotRemembered(Exception):
    """This query string was not read before, and FastAPI is not there to read it."""


def remembering(dependant: Dependant) -> Dependant:
    """The same dependant, in which each dependency that reads nothing but the query is solved once for a query string.

    Such a dependency must give a value that nobody changes. It raises :class:`QueryRefused` for what it cannot read.
    """
    parts = [RememberedQuery(part).dependant() if _reads_query_only(part) else part for part in dependant.dependencies]
    return replace(dependant, dependencies=parts)


def _reads_query_only(part: Dependant) -> bool:
    others = (part.path_params, part.header_params, part.cookie_params, part.body_params)
    names = (
        part.request_param_name,
        part.http_connection_param_name,
        part.response_param_name,
        part.background_tasks_param_name,
    )
    reads_query = bool(part.query_params) or bool(part.dependencies)
    return reads_query and not any(others) and not any(names) and all(map(_reads_query_only, part.dependencies))


class RememberedQuery:
    """One such dependency and what it gave for the query strings seen last."""

    def __init__(self, part: Dependant) -> None:
        self._part = part
        self._call = cast("Callable[..., Awaitable[Any]]", part.call)
        self._values: OrderedDict[bytes, Any] = OrderedDict()

    def dependant(self) -> Dependant:
        """What stands for the dependency among the others."""
        return Dependant(call=self.read, name=self._part.name, request_param_name="request", path=self._part.path)

    def knows(self, query: bytes) -> bool:
        """Whether this query string was read before, and found to be one that the route takes."""
        return query in self._values

    async def read(self, request: Request) -> Any:
        """The value for the request's query; raises QueryRefused, or NotRemembered outside of FastAPI's own handling."""
        query: bytes = request.scope["query_string"]
        if query in self._values:
            self._values.move_to_end(query)
            return self._values[query]
        stack = request.scope.get("fastapi_inner_astack")
        if stack is None:
            raise NotRemembered
        solved = await solve_dependencies(
            request=request, dependant=self._part, async_exit_stack=stack, embed_body_fields=False
        )
        if solved.errors:
            raise QueryRefused
        value = await self._call(**solved.values)
        # A cursor comes once: it would only push out what comes again.
        if len(query) <= LONGEST_REMEMBERED and b"cursor=" not in query:
            self._values[query] = value
            if len(self._values) > REMEMBERED:
                self._values.popitem(last=False)
        return value
