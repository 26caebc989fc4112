"""The two clients: the same calls, sent by httpx, one waiting and one awaited."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import httpx

from medley_client import requests
from medley_client.calls import AsyncPages, AsyncSender, Call, Pages, Sender
from medley_client.requests import PageRequest, Request
from medley_client.wire import AsyncBearer, Bearer, Tries, Wire, decode, key_for

P = ParamSpec("P")
Answer = TypeVar("Answer")
Item = TypeVar("Item")


class PagedCall(Generic[P, Answer, Item]):
    """A method whose answer comes in pages."""

    def __init__(self, describe: Callable[P, PageRequest[Answer, Item]]) -> None:
        self._describe = describe

    @overload
    def __get__(self, client: Sender, owner: type) -> Pages[P, Answer, Item]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> AsyncPages[P, Answer, Item]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        return (AsyncPages if issubclass(owner, AsyncMedley) else Pages)(client, self._describe)


class Calls:
    """What both clients can do; ``requests`` says what each call takes and gives."""

    recommendations = PagedCall(requests.recommendations)
    recommend_for_history = PagedCall(requests.recommend_for_history)
    home = Call(requests.home)
    similar = PagedCall(requests.similar)
    popular = PagedCall(requests.popular)
    trending = PagedCall(requests.trending)
    latest = PagedCall(requests.latest)
    categories = Call(requests.categories)
    search = PagedCall(requests.search)
    explanation = Call(requests.explanation)
    predictions = Call(requests.predictions)

    rate = Call(requests.rate)
    rate_batch = Call(requests.rate_batch)
    undo_rating = Call(requests.undo_rating)
    rating = Call(requests.rating)
    rating_scale = Call(requests.rating_scale)
    ratings = PagedCall(requests.ratings)
    send_event = Call(requests.send_event)
    send_events = Call(requests.send_events)
    undo_event = Call(requests.undo_event)

    preferences = Call(requests.preferences)
    set_preferences = Call(requests.set_preferences)
    clear_preferences = Call(requests.clear_preferences)
    suppressions = Call(requests.suppressions)
    suppress_item = Call(requests.suppress_item)
    undo_suppress_item = Call(requests.undo_suppress_item)
    suppress_category = Call(requests.suppress_category)
    undo_suppress_category = Call(requests.undo_suppress_category)

    user = Call(requests.user)
    put_user = Call(requests.put_user)
    patch_user = Call(requests.patch_user)
    erase_user = Call(requests.erase_user)
    export_user = Call(requests.export_user)
    merge_users = Call(requests.merge_users)
    neighbours = Call(requests.neighbours)
    items = PagedCall(requests.items)
    item = Call(requests.item)
    put_item = Call(requests.put_item)
    put_items = Call(requests.put_items)
    delete_item = Call(requests.delete_item)


class Medley(Calls):
    """A client that waits: ``with Medley(url) as medley: medley.popular()``. Threads may share one."""

    def __init__(
        self,
        base_url: str,
        *,
        bearer: Bearer = None,
        timeout: float = 10.0,
        retries: int = 3,
        longest_wait: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``bearer`` is a server key or a user token, or a function that gives one, asked before every request."""
        self._wire = Wire(httpx.URL(base_url), retries, longest_wait)
        self._bearer = bearer
        self._http = httpx.Client(timeout=timeout, transport=transport)

    def send(self, request: Request[Answer], /) -> Answer:
        """Send one request, again where that can help."""
        tries, key = Tries(self._wire), key_for(request)
        while True:
            bearer = self._bearer() if callable(self._bearer) else self._bearer
            try:
                outcome = self._http.send(self._wire.encode(request, bearer, key))
            except httpx.RequestError as error:
                outcome = error
            wait = tries.wait_before_next(outcome)
            if wait is None:
                return decode(request, outcome, tries.retried)
            time.sleep(wait)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncMedley(Calls):
    """A client for asyncio: ``async with AsyncMedley(url) as medley: await medley.popular()``."""

    def __init__(
        self,
        base_url: str,
        *,
        bearer: AsyncBearer = None,
        timeout: float = 10.0,
        retries: int = 3,
        longest_wait: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``bearer`` is a server key or a user token, or a function, async or not, that gives one, asked before every request."""
        self._wire = Wire(httpx.URL(base_url), retries, longest_wait)
        self._bearer = bearer
        self._http = httpx.AsyncClient(timeout=timeout, transport=transport)

    async def send(self, request: Request[Answer], /) -> Answer:
        """Send one request, again where that can help."""
        tries, key = Tries(self._wire), key_for(request)
        while True:
            bearer = self._bearer() if callable(self._bearer) else self._bearer
            if isinstance(bearer, Awaitable):
                bearer = await bearer
            try:
                outcome = await self._http.send(self._wire.encode(request, bearer, key))
            except httpx.RequestError as error:
                outcome = error
            wait = tries.wait_before_next(outcome)
            if wait is None:
                return decode(request, outcome, tries.retried)
            await asyncio.sleep(wait)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
