"""The gate's verdict, as it is stored and told; it knows nothing of how it came about, so a waiting worker loads little."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.errors import MedleyError

GATE_FAILED = "gate_failed"

Verdict = Literal["first", "insufficient", "passed", "failed"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over users and its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Gate:
    """The verdict and what it rests on, as it stands in the manifest.

    ``active`` is the release that served when the run began and ``changes`` are the parameters in which the ``challenger``
    differs from it, as (old, new). ``champion`` and ``difference`` are there where both were measured. ``cut`` is the moment
    at which the trial fits were frozen, None where the newest entry of each user was held out instead. ``forced`` says that the
    release was to be published whatever the verdict.
    """

    verdict: Verdict
    forced: bool
    active: str | None
    same_configuration: bool
    changes: Mapping[str, tuple[Any, Any]]
    users: int
    questions: int
    cut: str | None
    tolerance: float
    challenger: Mapping[str, Interval] | None
    champion: Mapping[str, Interval] | None
    difference: Mapping[str, Interval] | None

    @property
    def is_open(self) -> bool:
        """Whether the challenger may be published."""
        return self.verdict != "failed" or self.forced

    def as_document(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


class GateFailed(MedleyError):
    """The challenger ranks worse than the configuration that serves. ``gate`` is the stored form of :class:`Gate`."""

    code = GATE_FAILED

    def __init__(self, detail: str, gate: Mapping[str, Any], tuning: Mapping[str, Any]) -> None:
        super().__init__(detail)
        self.gate = dict(gate)
        self.tuning = dict(tuning)


def explain(gate: Gate) -> str:
    """The verdict as a sentence for people."""
    over = f"over {gate.users} users"
    if gate.challenger is None:
        return "Nothing was held out: there is too little to measure the release by."
    own = f"NDCG@10 of what users took next {_told(gate.challenger['ndcg_at_10'])} {over}"
    if gate.champion is None or gate.difference is None:
        return own + {"insufficient": ", too few to compare configurations"}.get(gate.verdict, "")
    other, gap = gate.champion["ndcg_at_10"], gate.difference["ndcg_at_10"]
    word = "worse than" if gate.verdict == "failed" else "not worse than"
    return (
        f"{own}: {word} the active release's configuration, which has {other.value:.4f} (difference"
        f" {gap.value:+.4f}, {gap.low:+.4f} to {gap.high:+.4f})"
    )


def _told(interval: Interval) -> str:
    return f"{interval.value:.4f} ({interval.low:.4f} to {interval.high:.4f})"
