"""The whole protocol on a small world in which the next item can be known."""

import numpy as np

from app.engine.terms import Description
from training.collaborative import AlsParameters
from training.content import ContentParameters
from training.data import Feedback, ItemRecord, Snapshot
from training.evaluation.figures import Figure
from training.evaluation.last_out import evaluate_last_out
from training.fit import Parameters
from training.item_to_item import EaseParameters

N_ITEMS, N_USERS, LENGTH = 40, 120, 12


def chain_of_items() -> Snapshot:
    """Everybody takes the items in a circle, each from another beginning: the next item follows from the last."""
    users = np.repeat(np.arange(N_USERS), LENGTH)
    items = (np.repeat(np.arange(N_USERS) * 7, LENGTH) + np.tile(np.arange(LENGTH), N_USERS)) % N_ITEMS
    times = np.tile(np.arange(LENGTH), N_USERS).astype(np.float64)
    values = np.where(items % 2, 5.0, 4.0).astype(np.float32)
    records = [
        ItemRecord(i, f"{i:02}".encode(), Description(f"title {i}", categories=[str(i % 4)])) for i in range(N_ITEMS)
    ]
    return Snapshot(records, Feedback.ordered(N_USERS, users, items, values, times))


def figure(figures: list[Figure], ranker: str, metric: str) -> float:
    return next(f.value for f in figures if (f.ranker, f.slice, f.metric) == (ranker, "all", metric))


def test_the_blend_learns_what_comes_next_and_chance_does_not() -> None:
    parameters = Parameters(
        als=AlsParameters(factors=8, iterations=4, regularisation=2.0),
        ease=EaseParameters(penalty=5.0),
        content=ContentParameters(width=8),
    )
    figures = evaluate_last_out(chain_of_items(), parameters, 5.0)
    assert figure(figures, "blend", "HR@10") > 0.95
    assert figure(figures, "next_item", "NDCG@10") > 0.9
    assert figure(figures, "random", "HR@10") < 0.6
    assert {f.ranker for f in figures} == {
        "blend", "collaborative", "item_to_item", "next_item", "content", "popularity", "random",
    }  # fmt: skip
    assert all(f.low is None or f.low <= f.value <= (f.high or 0) for f in figures)
    assert not any(f.slice == "disliked (2 and less)" for f in figures)
    assert figures == evaluate_last_out(chain_of_items(), parameters, 5.0)
