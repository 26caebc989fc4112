"""A method of both clients, made of the function that describes its request: typed for each, written once."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from medley_client.requests import PageRequest, Request

P = ParamSpec("P")
Answer = TypeVar("Answer")
Item = TypeVar("Item")


class Sender(Protocol):
    """Sends, and waits for the answer."""

    def send(self, request: Request[Answer], /) -> Answer: ...


class AsyncSender(Protocol):
    """Sends, and gives the answer to who awaits it."""

    def send(self, request: Request[Answer], /) -> Coroutine[Any, Any, Answer]: ...


class Call(Generic[P, Answer]):
    """A method that sends one request: ``client.rate(...)``, or ``await client.rate(...)``."""

    def __init__(self, describe: Callable[P, Request[Answer]]) -> None:
        self._describe = describe

    @overload
    def __get__(self, client: Sender, owner: type) -> Callable[P, Answer]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> Callable[P, Coroutine[Any, Any, Answer]]: ...
    def __get__(self, client: Any, owner: type) -> Callable[P, Any]:
        describe = self._describe

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.send(describe(*args, **kwargs))

        return update_wrapper(call, describe)


class Pages(Generic[P, Answer, Item]):
    """One page when called; all of them by ``pages`` and everything on them by ``each``, with the same arguments."""

    def __init__(self, client: Sender, describe: Callable[P, PageRequest[Answer, Item]]) -> None:
        self._client, self._describe = client, describe
        self.__doc__ = describe.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Answer:
        return self._client.send(self._describe(*args, **kwargs))

    def pages(self, *args: P.args, **kwargs: P.kwargs) -> Iterator[Answer]:
        request: PageRequest[Answer, Item] | None = self._describe(*args, **kwargs)
        while request:
            page = self._client.send(request)
            yield page
            request = request.after(page)

    def each(self, *args: P.args, **kwargs: P.kwargs) -> Iterator[Item]:
        request = self._describe(*args, **kwargs)
        for page in self.pages(*args, **kwargs):
            yield from request.items_of(page)


class AsyncPages(Generic[P, Answer, Item]):
    """The same for ``await`` and ``async for``."""

    def __init__(self, client: AsyncSender, describe: Callable[P, PageRequest[Answer, Item]]) -> None:
        self._client, self._describe = client, describe
        self.__doc__ = describe.__doc__

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Answer:
        return await self._client.send(self._describe(*args, **kwargs))

    async def pages(self, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Answer]:
        request: PageRequest[Answer, Item] | None = self._describe(*args, **kwargs)
        while request:
            page = await self._client.send(request)
            yield page
            request = request.after(page)

    async def each(self, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Item]:
        request = self._describe(*args, **kwargs)
        async for page in self.pages(*args, **kwargs):
            for item in request.items_of(page):
                yield item
