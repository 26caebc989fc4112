"""The protocol on items that only their category tells apart."""

from collections.abc import Iterator

import numpy as np
import pytest
from small_worlds import figure, setting_of, sound, tastes

from training.evaluation import cold_items
from training.evaluation.figures import Figure

FOLDS = 3


@pytest.fixture(scope="module")
def figures() -> Iterator[list[Figure]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cold_items, "FOLDS", FOLDS)
        yield cold_items.evaluate_cold_items(setting_of(tastes()))


def test_items_nobody_rated_reach_those_who_like_their_kind(figures: list[Figure]) -> None:
    # Twenty cold items, ten of a kind and as good as each other: whoever likes a kind has those first.
    assert figure(figures, "blend", "Recall@10") > 1.4 * figure(figures, "random", "Recall@10")
    assert figure(figures, "content", "Recall@10") > 1.4 * figure(figures, "random", "Recall@10")
    # What knows rated items only speaks of these as of those they are like; popularity says the same of all, which earns nothing.
    assert figure(figures, "item_to_item", "Recall@10") > 1.4 * figure(figures, "random", "Recall@10")
    assert figure(figures, "popularity", "Recall@10") < figure(figures, "random", "Recall@10")
    assert sound(figures)


def test_the_figure_is_the_mean_over_the_folds(figures: list[Figure]) -> None:
    folds = [figure(figures, "random", "MRR", f"fold {n + 1}") for n in range(FOLDS)]
    assert figure(figures, "random", "MRR") == pytest.approx(np.mean(folds))
