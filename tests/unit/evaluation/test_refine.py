"""Weights are refined by what they do for a protocol, and never to the worse."""

import numpy as np
from small_worlds import PARAMETERS, tastes

from app.engine.engine import Engine
from training.blend import HISTORY_SIZES
from training.data import history_of
from training.evaluation.refine import refine_weights
from training.evaluation.trials import Trial, judge
from training.fit import fit_signals


def world() -> tuple[Engine, list[Trial]]:
    snapshot = tastes()
    feedback = snapshot.feedback
    engine = fit_signals(snapshot, feedback, PARAMETERS, 5.0).engine()
    starts = feedback.starts.tolist()
    trials = [
        Trial(user, history_of(feedback, starts[user], starts[user] + 9, 5.0), feedback.items[rows], known)
        for user in range(feedback.n_users)
        for rows in [slice(starts[user] + 9, starts[user + 1])]
        for known in [feedback.items[starts[user] : starts[user] + 9]]
    ]
    return engine, trials


def test_useless_weights_are_left_behind() -> None:
    engine, trials = world()
    liked_alone = np.zeros((len(HISTORY_SIZES), len(engine.blend.columns)), np.float32)
    liked_alone[:, -1] = 1  # everything is liked alike, so this column says nothing
    refined = refine_weights(engine, trials, liked_alone, 10)
    assert (refined >= 0).all()
    assert (refined[[0, 1, 3]] == liked_alone[[0, 1, 3]]).all()  # no histories of those lengths
    judged = judge(
        trials,
        lambda trial: {
            "learned": engine.score(trial.history, weights=liked_alone[2]).total,
            "refined": engine.score(trial.history, weights=refined[2]).total,
        },
        lambda _: None,
    )
    assert judged["refined"].hits[:, :10].sum() > 1.5 * judged["learned"].hits[:, :10].sum()
