"""The protocols by name, and which figures of each stand in the tables."""

import importlib
from dataclasses import asdict, dataclass

from training.evaluation.figures import Figure
from training.evaluation.rating import given_folds, ratings_of
from training.evaluation.setting import Evaluate, Setting
from training.evaluation.store import Entry, digest, digest_of_feedback, digest_of_snapshot

LISTS = ("Coverage@20", "Novelty@20", "Diversity@20", "Popularity bias@20")


@dataclass(frozen=True, slots=True)
class Protocol:
    """Where a protocol is, the metrics of its tables, and the one that its plots show."""

    module: str
    function: str
    metrics: tuple[str, ...]
    plotted: str

    def load(self) -> Evaluate:
        """The function that gives every figure; its module is imported only now."""
        return getattr(importlib.import_module(self.module), self.function)


PROTOCOLS = {
    "last-out": Protocol(
        "training.evaluation.last_out",
        "evaluate_last_out",
        ("HR@10", "NDCG@10", "full HR@10", "full NDCG@10", "full Recall@20", "full MRR"),
        "NDCG@10",
    ),
    "new-users": Protocol(
        "training.evaluation.new_users",
        "evaluate_new_users",
        ("NDCG@100", "Recall@20", "Recall@50", "Precision@10", "MAP@100", "MRR"),
        "NDCG@100",
    ),
    "cold-users": Protocol(
        "training.evaluation.cold_users",
        "evaluate_cold_users",
        ("NDCG@10", "Recall@20", "HR@10", "Precision@10", "MRR"),
        "NDCG@10",
    ),
    "cold-items": Protocol(
        "training.evaluation.cold_items",
        "evaluate_cold_items",
        ("Recall@20", "NDCG@20", "Precision@10", "HR@10", "MAP@20", "MRR"),
        "Recall@20",
    ),
    "rating": Protocol(
        "training.evaluation.rating",
        "evaluate_rating",
        ("RMSE", "MAE", "Inside interval", "Width"),
        "RMSE",
    ),
    "time-cut": Protocol(
        "training.evaluation.time_cut",
        "evaluate_time_cut",
        ("HR@10", "NDCG@10", "HR@20", "NDCG@20", "HR@100", "MRR"),
        "NDCG@10",
    ),
}


def evaluate(protocol: str, setting: Setting) -> list[Figure]:
    """Every figure of the protocol: those found before, where nothing that they depend on has changed."""
    snapshot, given = setting.snapshot, setting.given
    folds = given_folds(setting.source, snapshot.items, ratings_of(setting)) if protocol == "rating" else None
    key = {
        "protocol": protocol,
        "snapshot": digest_of_snapshot(snapshot),
        "feedback": digest_of_feedback(snapshot.feedback),
        "parameters": None if given is None else asdict(given),
        "scale": [setting.scale_bottom, setting.scale_top],
        "folds": digest(folds),
    }
    measure = PROTOCOLS[protocol].load()
    entry = setting.store.get(
        "figures", key, lambda: Entry({}, {"figures": [asdict(each) for each in measure(setting)]})
    )
    return [Figure(**each) for each in entry.document["figures"]]
