"""The circuit breaker: when it opens, what gets through, and what it learns from."""

import asyncio

import pytest

from app.errors import Unavailable
from app.services.breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(3, 0.5, clock)


def fail(breaker: CircuitBreaker) -> str:
    with pytest.raises(Unavailable) as caught, breaker.guard():
        raise Unavailable("down")
    return caught.value.code


def succeed(breaker: CircuitBreaker) -> None:
    with breaker.guard():
        pass


def test_it_opens_after_failures_in_a_row_only(breaker: CircuitBreaker) -> None:
    fail(breaker)
    fail(breaker)
    succeed(breaker)
    fail(breaker)
    fail(breaker)
    assert not breaker.is_open
    fail(breaker)
    assert breaker.is_open
    assert fail(breaker) == "circuit_open"


def test_after_the_pause_one_probe_goes_through_and_decides(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(3):
        fail(breaker)
    clock.now += 0.5
    with breaker.guard():
        assert fail(breaker) == "circuit_open", "a second call while the probe is under way"
        assert breaker.is_open
    assert not breaker.is_open
    succeed(breaker)


def test_a_probe_that_fails_starts_the_next_pause(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(3):
        fail(breaker)
    clock.now += 0.5
    assert fail(breaker) == "unavailable"
    clock.now += 0.49
    assert fail(breaker) == "circuit_open"
    clock.now += 0.01
    succeed(breaker)
    assert not breaker.is_open


def test_late_failures_do_not_prolong_the_pause(breaker: CircuitBreaker, clock: Clock) -> None:
    late = breaker.guard()
    late.__enter__()
    for _ in range(3):
        fail(breaker)
    clock.now += 0.4
    assert not late.__exit__(Unavailable, Unavailable("down"), None), "the failure is passed on"
    clock.now += 0.1
    succeed(breaker)
    assert not breaker.is_open


def test_a_cancelled_probe_tells_nothing_and_lets_the_next_one_through(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(3):
        fail(breaker)
    clock.now += 0.5
    with pytest.raises(asyncio.CancelledError), breaker.guard():
        raise asyncio.CancelledError
    assert breaker.is_open
    succeed(breaker)
    assert not breaker.is_open
