"""Protocol ``rating``: how many stars?

Five folds. Each is predicted from a fit on the other four, its users folded in by their ratings there: as the service does it.
The folds are those that a data set brings along (``u1.test`` to ``u5.test`` of MovieLens 100K), or else drawn by a seeded hash.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from app.engine.arrays import BoolArray, DoubleArray, RowArray
from app.engine.predicted_rating import RatingReading, RatingSamples, RatingScale
from app.errors import InvalidInput
from training.collaborative import fit_factors
from training.content import fit_term_factors
from training.data import Feedback, ItemRecord
from training.evaluation.figures import Figure, bootstrap_intervals
from training.evaluation.resources import Resources, measured
from training.evaluation.setting import Setting, cost_figures, fit_items, kept_parts
from training.evaluation.store import Entry, digest_of_feedback
from training.evaluation.summary import EVERYBODY, LENGTHS, length_slice
from training.importers.archive import open_archive
from training.rating_content import ItemContent, map_content
from training.rating_model import RatingFit, expect_all, fit_rating_model
from training.split import hash_pairs

PROTOCOL = "rating"
FOLDS = 5
COLD_SHARE = 0.1
COLD_USERS = 1_000
"""Of how many users, at the most, the ratings of items that nobody else has rated are asked about."""

COLD = "cold item"
WITHOUT_CONTENT = "without content"
PRIOR_RATINGS = 5.0
"""How many ratings at the mean the rankers beside the model shrink an item's and a user's own by."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was predicted of each rating, all ``(n,)``: by every ranker, the ends of the interval, how many ratings the user had
    given in the other folds, and how many the item had been given."""

    stars: Mapping[str, DoubleArray]
    lows: DoubleArray
    highs: DoubleArray
    lengths: RowArray
    counts: RowArray


def evaluate_rating(setting: Setting) -> list[Figure]:
    """Every figure of the protocol: root mean squared and mean absolute error, and what the interval holds. Raises InvalidInput
    where there are too few ratings for folds."""
    feedback = ratings_of(setting)
    folds = given_folds(setting.source, setting.snapshot.items, feedback)
    if folds is None:
        folds = (hash_pairs(feedback.users, feedback.items, setting.seed) % np.uint64(FOLDS)).astype(np.int64)
    if len(np.unique(folds[folds >= 0])) < FOLDS:
        raise InvalidInput(f"{len(feedback)} ratings are too few to be divided into {FOLDS} folds.")
    parts: list[Answers] = []
    spent = Resources()
    for fold in range(FOLDS):
        answers, cost = _answer(setting, feedback.take(folds != fold), feedback.take(folds == fold))
        parts.append(answers)
        spent.seconds += cost.seconds / FOLDS
        spent.processor_seconds += cost.processor_seconds / FOLDS
        spent.peak_bytes = cost.peak_bytes
        setting.report("fold", (fold + 1) / FOLDS)
    together = np.argsort(folds, kind="stable")[np.count_nonzero(folds < 0) :]
    asked, numbers = _ordered(feedback, together), folds[together]
    figures = [*_figures(_joined(parts), asked, numbers, setting.seed), *_cold_figures(setting, feedback)]
    return figures + cost_figures(PROTOCOL, spent)


def _cold_figures(setting: Setting, feedback: Feedback) -> Iterator[Figure]:
    """The slice of items that lose all their ratings: a tenth of them, drawn by the seed."""
    rng = np.random.default_rng(setting.seed)
    n_items = len(setting.snapshot.items)
    cold: BoolArray = rng.permutation(n_items) < COLD_SHARE * n_items
    users = rng.permutation(feedback.n_users)[:COLD_USERS]
    hidden: BoolArray = cold[feedback.items]
    asked = feedback.take(hidden & np.isin(feedback.users, users))
    known = feedback.take(~hidden)
    if len(asked) and len(known):
        answers, _ = _answer(setting, known, asked)
        yield from _of_rankers(answers, asked, COLD, np.ones(len(asked), np.bool_), setting.seed)


def given_folds(source: Path | None, items: Sequence[ItemRecord], feedback: Feedback) -> RowArray | None:
    """The fold of each entry, ``(n,)``, that an archive brings along, -1 for one in none of them; None if it brings no folds.

    Raises InvalidInput for folds of other users or items than those of the feedback."""
    names = [f"u{fold}.test" for fold in range(1, FOLDS + 1)]
    archive = open_archive(source) if source else None
    files = archive.find_folder(*names) if archive else None
    if archive is None or files is None:
        return None
    pairs: list[RowArray] = []
    for name in names:
        with archive.open(files[name]) as stream:
            pairs.append(np.loadtxt(stream, np.int64, usecols=(0, 1), ndmin=2))
    numbers = np.repeat(np.arange(FOLDS), [len(each) for each in pairs])
    people, users = np.unique(np.concatenate(pairs)[:, 0], return_inverse=True)
    rows = {int(item.id): row for row, item in enumerate(items)}
    movies: list[int] = np.concatenate(pairs)[:, 1].tolist()
    if len(people) != feedback.n_users or not rows.keys() >= set(movies):
        raise InvalidInput(f"The folds in {source} are not those of its ratings.")
    keys = users * len(items) + np.array([rows[movie] for movie in movies], np.int64)
    return _looked_up(keys, numbers, feedback.users * len(items) + feedback.items)


def _looked_up(keys: RowArray, numbers: RowArray, wanted: RowArray) -> RowArray:
    """The number that goes with each wanted key, -1 where there is none."""
    order = np.argsort(keys)
    places = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return np.where(keys[order][places] == wanted, numbers[order][places], -1)


def ratings_of(setting: Setting) -> Feedback:
    """What the protocol is about: the entries that are ratings."""
    feedback = setting.snapshot.feedback
    return feedback.take(feedback.rated)


def _answer(setting: Setting, known: Feedback, asked: Feedback) -> tuple[Answers, Resources]:
    """Everything that is predicted of one fold, and what the fit cost."""
    n_items = len(setting.snapshot.items)
    fit, spent = _fitted(setting, known, n_items)
    predictor = _with_content(setting, known, n_items, fit).predictor()
    scale = RatingScale(setting.scale_bottom, setting.scale_top)
    predicted = predictor.on_scale(expect_all(predictor, known, asked), scale)
    lengths = np.bincount(known.users, minlength=known.n_users)[asked.users]
    counts = np.bincount(known.items, minlength=n_items)[asked.items]
    without = predicted.stars.copy()
    unrated: BoolArray = counts == 0
    if unrated.any():
        unread = expect_all(fit.predictor(), known, asked.take(unrated))
        without[unrated] = np.clip(unread.means, scale.lowest, scale.highest)
    stars = {"blend": predicted.stars, WITHOUT_CONTENT: without, **_simple_stars(known, asked, n_items)}
    return Answers(stars, predicted.lows, predicted.highs, lengths, counts), spent


def _fitted(setting: Setting, known: Feedback, n_items: int) -> tuple[RatingFit, Resources]:
    """The model fitted on these ratings, or kept of a fit on these, and what the fit cost. It knows no content yet."""
    parameters = setting.parameters_for(known).rating

    def make() -> Entry:
        with measured() as spent:
            fit = fit_rating_model(known, n_items, parameters, setting.seed)
        if fit is None:
            raise InvalidInput("There are no ratings to learn from.")
        return Entry(fit.samples.arrays(), {"reading": asdict(fit.reading), "cost": asdict(spent)})

    key = {
        "n_items": n_items,
        "known": digest_of_feedback(known),
        "parameters": asdict(parameters),
        "seed": setting.seed,
    }
    entry = setting.store.get("rating", key, make)
    samples = RatingSamples.read(entry.arrays, n_items)
    fit = RatingFit(samples, RatingReading(**entry.document["reading"]), 0, None)
    return fit, Resources(**entry.document["cost"])


def _with_content(setting: Setting, known: Feedback, n_items: int, fit: RatingFit) -> RatingFit:
    """The same with what the items' content says of those that nobody has rated, as a release has it."""
    parameters = setting.parameters_for(known)
    content = fit_items(setting, parameters)
    counts = np.bincount(known.items, minlength=n_items).astype(np.int64)
    als, seed = parameters.als, setting.seed
    learned = kept_parts(setting, known).get("factors", (als, seed), lambda: fit_factors(known, n_items, als, seed))
    term_factors, _ = fit_term_factors(content.weighted, learned.items, counts, parameters.content)
    items = ItemContent(content, term_factors, learned.items, counts, parameters.content)
    return map_content(fit, items, known, parameters.rating, seed)


def _simple_stars(known: Feedback, asked: Feedback, n_items: int) -> dict[str, DoubleArray]:
    """What means alone predict: the overall one; the item's, shrunk; that and the user's shrunken distance from it."""
    values = known.values.astype(np.float64) - known.mean
    item_offsets = _shrunken_means(known.items, values, n_items)
    rest = values - item_offsets[known.items]
    user_offsets = _shrunken_means(known.users, rest, known.n_users)
    by_item = known.mean + item_offsets[asked.items]
    return {
        "overall mean": np.full(len(asked), known.mean),
        "item mean": by_item,
        "item and user mean": by_item + user_offsets[asked.users],
    }


def _shrunken_means(groups: RowArray, values: DoubleArray, n_groups: int) -> DoubleArray:
    sums = np.bincount(groups, weights=values, minlength=n_groups)
    return sums / (np.bincount(groups, minlength=n_groups) + PRIOR_RATINGS)


def _joined(parts: list[Answers]) -> Answers:
    return Answers(
        {name: np.concatenate([part.stars[name] for part in parts]) for name in parts[0].stars},
        np.concatenate([part.lows for part in parts]),
        np.concatenate([part.highs for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.counts for part in parts]),
    )


def _ordered(feedback: Feedback, order: RowArray) -> Feedback:
    return Feedback(
        feedback.n_users, feedback.users[order], feedback.items[order], feedback.values[order], feedback.times[order]
    )


def _figures(answers: Answers, asked: Feedback, folds: RowArray, seed: int) -> Iterator[Figure]:
    for part, chosen in _slices(answers, folds).items():
        if chosen.any():
            yield from _of_rankers(answers, asked, part, chosen, seed)


def _of_rankers(answers: Answers, asked: Feedback, part: str, chosen: BoolArray, seed: int) -> Iterator[Figure]:
    inside = (asked.values >= answers.lows) & (asked.values <= answers.highs)
    for name, stars in answers.stars.items():
        errors = asked.values - stars
        columns = {"MSE": np.square(errors), "MAE": np.abs(errors)}
        if name == "blend":
            columns |= {"Inside interval": inside.astype(np.float64), "Width": answers.highs - answers.lows}
        of_part = {metric: values[chosen] for metric, values in columns.items()}
        yield from _of_slice(name, part, of_part, asked.users[chosen], seed)


def _of_slice(name: str, part: str, columns: Mapping[str, DoubleArray], users: RowArray, seed: int) -> Iterator[Figure]:
    table = np.stack(list(columns.values()), axis=1)
    means, lows, highs = bootstrap_intervals(table, np.ones(len(table)), users, seed)
    for place, metric in enumerate(columns):
        value, low, high = float(means[place]), float(lows[place]), float(highs[place])
        if metric == "MSE":
            # A root keeps the order of the resamples, so the interval of the root is the root of the interval.
            yield Figure(PROTOCOL, name, part, "RMSE", value**0.5, low**0.5, high**0.5)
        else:
            yield Figure(PROTOCOL, name, part, metric, value, low, high)


def _slices(answers: Answers, folds: RowArray) -> dict[str, BoolArray]:
    """Everything, each fold, by how much the user had rated, and items that nobody had rated."""
    slices: dict[str, BoolArray] = {EVERYBODY: folds >= 0}
    slices |= {f"fold {fold + 1}": folds == fold for fold in range(FOLDS)}
    for shortest, longest in LENGTHS:
        inside = (answers.lengths >= shortest) & (answers.lengths <= (np.inf if longest is None else longest))
        slices[length_slice(shortest, longest)] = inside
    return slices | {"item not rated": answers.counts == 0}
