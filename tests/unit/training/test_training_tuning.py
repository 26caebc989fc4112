"""The search for better hyper-parameters: what it keeps, when it ends, and how it goes on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from made_data import SMALL, checkerboard, made_snapshot

from app.engine.collaborative import FoldIn
from training.champion import changes_between, read_parameters
from training.data import Snapshot
from training.fit import Parameters, default_parameters
from training.knobs import KNOBS, Knob
from training.tuning import Budget, Search, Tuner, is_better

BAD = replace(SMALL, als=replace(SMALL.als, regularisation=160.0), fold_in=FoldIn(confidence=5.0))


def search_on(snapshot: Snapshot, search: Search, budget: Budget, kept: list[Mapping[str, Any]]) -> Search:
    seconds = iter(range(1_000_000))
    tuner = Tuner(
        snapshot,
        snapshot.feedback,
        5.0,
        budget,
        lambda document: kept.append(json.loads(json.dumps(document))),
        lambda _: None,
        clock=lambda: float(next(seconds)),  # every trial takes a second
    )
    return tuner.go_on(search)


def test_it_tries_one_change_at_a_time_and_keeps_what_helps() -> None:
    kept: list[Mapping[str, Any]] = []
    found = search_on(checkerboard(), Search.of({}, BAD), Budget(1_000.0, trials=5), kept)
    assert len(found.trials) == len(kept) == 5
    first, *others = found.trials
    assert (first.changes, first.kept) == ({}, True)
    best = [trial for trial in found.trials if trial.kept][-1]
    assert best.ndcg_at_10 >= first.ndcg_at_10
    assert changes_between(BAD, found.best) == dict(best.changes)
    assert len({json.dumps(asdict(trial)["changes"]) for trial in found.trials}) == 5
    assert found.done
    assert others[0].changes == {"als.regularisation": (160.0, 80.0)}


def test_it_stops_when_the_time_is_used_up() -> None:
    found = search_on(checkerboard(60), Search.of({}, SMALL), Budget(2.5), [])
    assert [trial.seconds for trial in found.trials] == [1.0, 1.0, 1.0]


def test_a_search_that_was_killed_goes_on_without_what_it_tried() -> None:
    snapshot, kept = checkerboard(60), []
    search_on(snapshot, Search.of({}, SMALL), Budget(1_000.0, trials=4), kept)
    killed = kept[2]  # as the row holds it when the fourth trial is cut off
    assert killed["done"] is False
    resumed = Search.of(killed, SMALL)
    assert (len(resumed.trials), resumed.seconds) == (3, 3.0)
    ended = search_on(snapshot, resumed, Budget(1_000.0, trials=6), [])
    fresh = [json.dumps(asdict(trial)["changes"]) for trial in ended.trials]
    again = fresh[3]
    assert again == json.dumps(changes_between(SMALL, read_parameters(killed["best"]) or SMALL))  # measured anew
    assert not set(fresh[4:]) & set(fresh[:3])


@pytest.mark.parametrize("document", [{}, {"done": True, "start": {}, "best": {}, "trials": [], "seconds": 1.0}])
def test_what_is_done_or_was_never_begun_begins_anew(document: dict[str, Any]) -> None:
    assert Search.of(document, SMALL) == Search(SMALL, SMALL)


def test_a_search_from_another_start_begins_anew() -> None:
    other = Search(BAD, BAD, seconds=5.0).as_document()
    assert Search.of(json.loads(json.dumps(other)), SMALL).seconds == 0
    assert Search.of(json.loads(json.dumps(other)), BAD).seconds == 5.0


@pytest.mark.parametrize("snapshot", [made_snapshot(3), made_snapshot(3, [(0, 1, 5.0, 1.0)])])
def test_with_nothing_to_measure_by_the_start_is_kept(snapshot: Snapshot) -> None:
    found = search_on(snapshot, Search.of({}, SMALL), Budget(1_000.0, trials=5), [])
    assert (found.best, found.done) == (SMALL, True)


def test_only_what_lies_outside_chance_is_better() -> None:
    rng = np.random.default_rng(1)
    gains = rng.random(400)
    assert is_better(gains + 0.1, gains)
    assert not is_better(gains, gains)
    assert not is_better(gains + rng.normal(0, 1, 400) / 1e3 - 0.001, gains)
    assert not is_better(np.ones(1), np.zeros(1))


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_every_knob_turns_both_ways_and_survives_the_manifest(knob: Knob) -> None:
    parameters = Parameters()
    turned = [each for step in (1, -1) if (each := knob.turned(parameters, step)) is not None]
    assert turned
    for each in turned:
        assert list(changes_between(parameters, each)) == [knob.name]
        assert read_parameters(json.loads(json.dumps(asdict(each)))) == each


def test_a_value_of_ones_own_lies_between_the_steps() -> None:
    knob = Knob("ease", "penalty", (50.0, 100.0, 200.0))
    own = replace(Parameters(), ease=replace(Parameters().ease, penalty=120.0))
    up, down = knob.turned(own, 1), knob.turned(own, -1)
    assert up is not None
    assert down is not None
    assert (up.ease.penalty, down.ease.penalty) == (200.0, 100.0)


def test_parameters_of_another_version_are_told_apart() -> None:
    document = asdict(Parameters())
    assert read_parameters(document | {"new_signal": {"depth": 3}}) == Parameters()
    assert read_parameters(document | {"als": {"factors": "many"}}) is None
    del document["rating"]
    assert read_parameters(document) == Parameters()


def test_few_ratings_hold_the_factors_back_less() -> None:
    assert default_parameters(1_000_000) == Parameters()
    assert changes_between(Parameters(), default_parameters(10_000)) == {"als.regularisation": (40.0, 10.0)}
