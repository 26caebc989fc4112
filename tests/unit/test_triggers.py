"""When a training is due, by the clock and by what has been written."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from app.config import Settings
from training.triggers import ATTEMPTS, PastRun, Triggers, count_new_ratings, is_tick_missed

NIGHTLY = Triggers("0 3 * * *", 0, since=datetime(2026, 11, 20, 12, tzinfo=UTC))


def at(day: int, hour: int, minute: int = 0, second: int = 0, microsecond: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, microsecond, tzinfo=UTC)


def ran(when: datetime, *, written: int = 0) -> PastRun:
    return PastRun(when, written, interrupted=False)


def was_interrupted(when: datetime, *, written: int = 0) -> PastRun:
    return PastRun(when, written, interrupted=True)


def test_a_tick_is_due_from_its_very_moment_until_a_run_answers_it() -> None:
    past = [ran(at(20, 3, 0, 1))]
    assert not is_tick_missed(NIGHTLY, past, at(21, 2, 59, 59, 999_999))
    assert is_tick_missed(NIGHTLY, past, at(21, 3))
    assert is_tick_missed(NIGHTLY, past, at(21, 3, 0, 0, 1))
    assert not is_tick_missed(NIGHTLY, [ran(at(21, 3, 0, 0, 2)), *past], at(21, 3, 0, 0, 3))


def test_however_many_ticks_were_missed_one_run_answers_them() -> None:
    assert is_tick_missed(NIGHTLY, [ran(at(1, 3))], at(21, 12))
    assert not is_tick_missed(NIGHTLY, [ran(at(21, 12)), ran(at(1, 3))], at(21, 12, 5))


def test_a_tick_during_a_run_is_answered_by_the_next() -> None:
    assert is_tick_missed(NIGHTLY, [ran(at(21, 2, 59))], at(21, 3, 10))


def test_ticks_before_the_first_worker_were_not_missed() -> None:
    assert not is_tick_missed(NIGHTLY, [], at(20, 12, 1))
    assert is_tick_missed(NIGHTLY, [], at(21, 3))


def test_without_a_schedule_nothing_is_missed() -> None:
    assert not is_tick_missed(Triggers("", 0, at(1, 0)), [ran(at(1, 0))], at(21, 3))


def test_times_are_utc_whatever_the_database_says() -> None:
    elsewhere = at(21, 3).astimezone(tz=None) + timedelta(hours=0)
    assert is_tick_missed(NIGHTLY, [ran(at(20, 4))], elsewhere)


def test_an_interrupted_run_answers_nothing_until_several_in_a_row_were() -> None:
    answered = ran(at(20, 3, 0, 1), written=10)
    attempts = [was_interrupted(at(21, 3, minute), written=500) for minute in reversed(range(ATTEMPTS))]
    assert is_tick_missed(NIGHTLY, [*attempts[1:], answered][:ATTEMPTS], at(21, 4))
    assert count_new_ratings([*attempts[1:], answered][:ATTEMPTS], 600) == 590
    assert not is_tick_missed(NIGHTLY, attempts, at(21, 4))
    assert is_tick_missed(NIGHTLY, attempts, at(22, 3))
    assert count_new_ratings(attempts, 600) == 100


def test_an_interrupted_first_run_is_repeated_by_a_worker_that_started_later() -> None:
    later = Triggers("0 3 * * *", 0, since=at(21, 3, 5))
    assert is_tick_missed(later, [was_interrupted(at(21, 3, 0, 1))], at(21, 3, 6))


def test_new_ratings_count_from_the_newest_run() -> None:
    assert count_new_ratings([], 70) == 70
    assert count_new_ratings([ran(at(1, 0), written=50), ran(at(1, 0), written=10)], 70) == 20


def test_a_server_that_forgot_its_counts_begins_again() -> None:
    assert count_new_ratings([ran(at(1, 0), written=50)], 30) == 30


@pytest.mark.parametrize("schedule", ["hourly", "* * * *", "61 * * * *", "0 0 31 2 *"])
def test_a_schedule_that_never_comes_is_refused(schedule: str) -> None:
    with pytest.raises(ValidationError, match="cron expression"):
        Settings(training_schedule=schedule)


def test_an_empty_schedule_means_never() -> None:
    assert Settings(training_schedule=" ").training_schedule == ""
