"""What happens in a rehearsal, act by act, while readers read, a loader loads and somebody changes single ratings."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from benchmarks.processes import is_running, parent_of
from benchmarks.rehearsal.ledger import Ledger
from benchmarks.rehearsal.material import Material
from benchmarks.rehearsal.readers import Reader
from benchmarks.rehearsal.system import API_WORKERS, RehearsalFailed, System, kill
from benchmarks.rehearsal.writers import Changer, Loader

WHOLE_SECONDS = 300.0
TRAINING_SECONDS = 900.0
AT_WORK = frozenset({"content", "fit", "blend", "evaluate", "refit"})
"""The stages of a run in which its child has read the data and works on it."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act: from when to when (monotonic seconds), what went on, and how long until everything was whole again."""

    name: str
    began: float
    ended: float
    seconds_to_whole: float


class Course:
    """The acts, and those who take part."""

    def __init__(self, system: System, material: Material, ledger: Ledger) -> None:
        self.system = system
        self.acts: list[Act] = []
        self.early: list[str] = []
        """Readers and changers that had ended before they were told to."""
        users, items = material.users, [row["item_id"] for row in material.items]
        self.loader = Loader(system.base, material, ledger)
        self.changers = [Changer(system.base, items, ledger, seed=seed) for seed in (1, 2)]
        self.readers = [
            Reader(system.base, users, system.served, keep_alive=kept, seed=seed)
            for seed, kept in enumerate((True, False))
        ]

    def run(self) -> None:
        """Everything in its order; raises RehearsalFailed at the first thing that is not as it has to be."""
        first, second = self._begin()
        self._act("an API worker is killed", 0.12, partial(self._kill_api_worker, first))
        self._act("the Postgres server is killed", 0.24, self._kill_postgres)
        self._act("the fit is killed", 0.36, self._kill_fit)
        self._act("the training worker is killed", 0.48, self._kill_trainer)
        self._act("a training, and its release in every worker", 0.60, self._train)
        self._act("another API worker is killed", 0.70, partial(self._kill_api_worker, second))
        self._act("the supervisor of Postgres is killed", 0.80, self._kill_supervisor)
        self._act("the parent of the API is killed", 0.90, self._kill_parent)
        self._act("a training, and its release in every worker", 1.0, self._train)

    def end(self) -> None:
        """Let everybody finish what they are at, then stop the system."""
        self.early += [each.name for each in (*self.changers, *self.readers) if each.ident and not each.is_alive()]
        for thread in (*self.changers, self.loader, *self.readers):
            if thread.is_alive():
                thread.stop()
        self.system.stop()

    @property
    def faults(self) -> Sequence[str]:
        """What writers were answered that they must not be."""
        return [fault for each in (self.loader, *self.changers) for fault in each.sender.faults]

    def _begin(self) -> list[int]:
        self.system.start_api()
        self.system.start_trainer()
        workers = self.system.api_workers()
        self.loader.load_items()
        for thread in (self.loader, *self.changers, *self.readers):
            thread.start()
        return workers

    def _act(self, name: str, share: float, action: Callable[[], float]) -> None:
        """Load up to ``share`` of everything; half way, the action."""
        print(f"  {name} ...", flush=True)
        began = time.monotonic()
        self.loader.allow(share)
        half = self.loader.left // 2
        self._until(lambda: self.loader.left <= half, "the loader")
        seconds = action()
        self._until(lambda: not self.loader.left, "the loader")
        self.acts.append(Act(name, began, time.monotonic(), seconds))

    def _kill_api_worker(self, pid: int) -> float:
        killed = time.monotonic()
        kill(pid)
        self._until(
            lambda: pid not in self.system.api_workers() and self.system.all_workers_serve(), "a new API worker"
        )
        return time.monotonic() - killed

    def _kill_postgres(self) -> float:
        return self._lose_database(self.system.postmaster())

    def _kill_supervisor(self) -> float:
        return self._lose_database(self.system.supervisor())

    def _lose_database(self, victim: int | None) -> float:
        """Kill a process of the database; until writes are acknowledged by another server."""
        old = self.system.postmaster()
        if victim is None or old is None:
            raise RehearsalFailed("the Postgres server is not there to be killed")
        killed = time.monotonic()
        kill(victim)
        self._until(lambda: self.system.postmaster() not in {old, None}, "another Postgres server")
        before = self._acknowledged()
        self._until(lambda: self._acknowledged() > before + len(self.changers), "a write that is acknowledged")
        return time.monotonic() - killed

    def _kill_fit(self) -> float:
        run = self._run_at_work()
        victim = self.system.fit()
        if victim is None:
            raise RehearsalFailed(f"{run} has no process that fits")
        killed = time.monotonic()
        kill(victim)
        self._expect_failure(run, "fit_killed")
        return time.monotonic() - killed

    def _kill_trainer(self) -> float:
        run = self._run_at_work()
        trainer, fit = self.system.trainer, self.system.fit()
        if trainer is None or fit is None:
            raise RehearsalFailed(f"{run} has no process that fits")
        killed = time.monotonic()
        trainer.kill()
        trainer.wait()
        self._until(lambda: not is_running(fit), "the fit to end with its worker")
        self.system.start_trainer()
        self._expect_failure(run, "worker_lost")
        return time.monotonic() - killed

    def _train(self) -> float:
        began = time.monotonic()
        run = self._request_run()
        done = self._until(partial(self._finished, run), "the training", TRAINING_SECONDS)
        if done["state"] != "succeeded":
            raise RehearsalFailed(f"the training failed: {done['error']}")
        self._until(lambda: self.system.serving(done["release"]) == API_WORKERS, "the release in every worker")
        return time.monotonic() - began

    def _kill_parent(self) -> float:
        """Without their parent the workers drain and end; then somebody, here we, starts the service again."""
        api, workers = self.system.api, self.system.api_workers()
        if api is None or parent_of(workers[0]) != api.pid:
            raise RehearsalFailed("the API's parent is not there to be killed")
        self.system.served.clear()
        killed = time.monotonic()
        api.kill()
        api.wait()
        self._until(lambda: not any(is_running(pid) for pid in workers), "the workers to end with their parent")
        self.system.start_api()
        return time.monotonic() - killed

    def _run_at_work(self) -> str:
        """A run that was asked for and is under way."""
        run = self._request_run()
        self._until(lambda: self._run(run).get("stage") in AT_WORK, f"{run} to be under way", TRAINING_SECONDS)
        return run

    def _request_run(self) -> str:
        def post() -> Any:
            try:
                answer = httpx.post(f"{self.system.base}/v1/training-runs", timeout=10)
            except httpx.TransportError:
                return None
            return answer.json()["id"] if answer.status_code == 202 else None

        return str(self._until(post, "a training run to be queued"))

    def _expect_failure(self, run: str, code: str) -> None:
        found = self._until(partial(self._finished, run), f"{run} to be marked")
        if found["state"] != "failed" or found["error"]["code"] != code:
            raise RehearsalFailed(f"{run} should have failed with {code}: it is {found['state']}, {found['error']}")

    def _finished(self, run: str) -> dict[str, Any] | None:
        found = self._run(run)
        return found if found.get("state") in {"succeeded", "failed"} else None

    def _run(self, run: str) -> dict[str, Any]:
        return self.system.get(f"/v1/training-runs/{run}") or {}

    def _acknowledged(self) -> int:
        return sum(changer.sender.tally.acknowledged for changer in self.changers)

    def _until(self, look: Callable[[], Any], what: str, seconds: float = WHOLE_SECONDS) -> Any:
        def look_or_fail() -> Any:
            if self.faults:
                raise RehearsalFailed(self.faults[0])
            return look()

        return self.system.until(look_or_fail, seconds, what)
