"""The catalogue's columns as arrays: what a worker needs of each item to find, filter and show it."""

from collections.abc import Sequence

import numpy as np

from app.engine.arrays import AnyArray, FloatArray
from app.engine.strings import StringTable
from app.services.catalogue_columns import PERIOD_DAYS
from app.services.catalogue_item import FACETS, NUMBERS, ItemFacts
from app.services.opinions import OpinionPrior
from training.data import Feedback, ItemRecord
from training.popularity import SECONDS_A_DAY


def catalogue_arrays(items: Sequence[ItemRecord], feedback: Feedback, prior: OpinionPrior) -> dict[str, AnyArray]:
    """Arrays over the rows. Ids are sorted by bytes, and so are the labels of each kind."""
    facts = [_facts(item) for item in items]
    numbers = [each.numbers for each in facts]
    rated = feedback.take(feedback.rated)
    n = len(items)
    return {
        **_strings("catalogue.ids", [item.id for item in items]),
        **_strings("catalogue.cards", [each.card for each in facts]),
        **_strings("catalogue.details", [each.details for each in facts]),
        **_label_arrays(facts),
        **{f"catalogue.{name}": np.array([each[name] for each in numbers], dtype) for name, dtype in NUMBERS.items()},
        "catalogue.keys": np.array([item.key for item in items], np.int64),
        "catalogue.versions": np.array([item.version for item in items], np.int64),
        "catalogue.hidden": np.array([item.hidden for item in items], np.bool_),
        "catalogue.rating_counts": np.bincount(rated.items, minlength=n).astype(np.int64),
        "catalogue.rating_sums": np.bincount(rated.items, weights=rated.values, minlength=n).astype(np.float64),
        "catalogue.opinion_prior": np.array([prior.ratings, prior.mean, prior.most_votes, prior.vote_share]),
        "catalogue.taken": taken_of_late(feedback, n),
    }


def taken_of_late(feedback: Feedback, n_items: int) -> FloatArray:
    """How much each item was taken in the last day, week, month and year before the newest entry, ``(4, n_items)``: a rating
    counts 1, an event its weight, and what turns its item away nothing."""
    newest = feedback.times.max() if len(feedback) else 0.0
    weights = np.maximum(feedback.strengths, 0)
    taken: list[FloatArray] = []
    for days in PERIOD_DAYS.values():
        late = feedback.times > newest - days * SECONDS_A_DAY
        counts = np.bincount(feedback.items[late], weights=weights[late], minlength=n_items)
        taken.append(counts.astype(np.float32))
    return np.stack(taken)


def _label_arrays(facts: Sequence[ItemFacts]) -> dict[str, AnyArray]:
    """For each kind of label the names, and the rows that carry each."""
    arrays: dict[str, AnyArray] = {}
    labels = [each.labels for each in facts]
    for facet in FACETS:
        members: dict[bytes, list[int]] = {}
        for row, each in enumerate(labels):
            for label in each[facet]:
                members.setdefault(label.encode(), []).append(row)
        names = sorted(members)
        starts = np.zeros(len(names) + 1, np.int64)
        np.cumsum([len(members[name]) for name in names], out=starts[1:])
        arrays |= _strings(f"catalogue.{facet}", names)
        arrays[f"catalogue.{facet}.rows"] = np.array([row for name in names for row in members[name]], np.int64)
        arrays[f"catalogue.{facet}.starts"] = starts
    return arrays


def _strings(name: str, strings: Sequence[bytes]) -> dict[str, AnyArray]:
    table = StringTable.of(strings)
    return {f"{name}.blob": table.blob, f"{name}.offsets": table.offsets}


def _facts(item: ItemRecord) -> ItemFacts:
    description = item.description
    return ItemFacts(
        title=description.title,
        categories=description.categories,
        released_on=description.released_on,
        image_url=item.image_url,
        description=description.text,
        tags=description.tags,
        people=description.people,
        duration_minutes=item.duration_minutes,
        certificate=item.certificate,
        language=description.language,
        url=item.url,
        votes=item.votes,
        vote_mean=item.vote_mean,
        attributes=description.attributes,
        available_from=item.available_from,
        available_until=item.available_until,
        safe_for_all=item.safe_for_all,
        created_at=item.created_at,
    )
