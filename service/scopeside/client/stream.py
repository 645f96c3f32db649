"""Results or events, one after another, for the client that waits and the one that awaits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")


class Stream(Generic[Item]):
    """An iterator that listens from when it was made.

    It ends after a silence longer than its limit, and raises where the service's state explains
    the silence. Close it, or leave it in a `with` block, to listen no more.
    """

    def __init__(self, take: Callable[[], Item | None], close: Callable[[], None]) -> None:
        self._take = take
        self._close = close

    def close(self) -> None:
        """Listen no more; doing so twice is harmless."""
        self._close()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        item = self._take()
        if item is None:
            raise StopIteration
        return item

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncStream(Generic[Item]):
    """The same for `async for` and `async with`; a wait that is cancelled loses no item."""

    def __init__(
        self, take: Callable[[], Awaitable[Item | None]], close: Callable[[], None]
    ) -> None:
        self._take = take
        self._close = close

    async def aclose(self) -> None:
        """Listen no more; doing so twice is harmless."""
        self._close()

    def __aiter__(self) -> AsyncIterator[Item]:
        return self

    async def __anext__(self) -> Item:
        item = await self._take()
        if item is None:
            raise StopAsyncIteration
        return item

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
