"""The protocols by name, and which figures of each stand in the tables."""

import importlib
from dataclasses import dataclass

from training.evaluation.setting import Evaluate

LISTS = ("Coverage@20", "Novelty@20", "Diversity@20", "Popularity bias@20")


@dataclass(frozen=True, slots=True)
class Protocol:
    """Where a protocol is, the metrics of its tables, and the one that its plots show."""

    module: str
    function: str
    metrics: tuple[str, ...]
    plotted: str | None

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
        None,
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
