"""Those who write: a loader of batches, which stops where it is told to, and somebody who changes single ratings."""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from benchmarks.rehearsal.ledger import Ledger, Pair
from benchmarks.rehearsal.material import Material

WRITE_SECONDS = 60.0
PAUSE_SECONDS = 0.2
STORED = frozenset({"created", "updated", "unchanged"})
CHANGING_USERS = 40


@dataclass(slots=True)
class Tally:
    """What became of the writes: acknowledged, sent again after a refusal (503) or a broken connection."""

    acknowledged: int = 0
    refused: int = 0
    broken: int = 0


class Sender:
    """Sends a write until it is acknowledged. Any answer but a success or 503 is a fault, and ends the sender."""

    def __init__(self, base: str) -> None:
        self.tally = Tally()
        self.faults: list[str] = []
        self.stopped = threading.Event()
        self._client = httpx.Client(base_url=base, timeout=WRITE_SECONDS)

    def send(self, method: str, path: str, body: Any = None) -> httpx.Response | None:
        """The acknowledgement; None once the sender was stopped before there was one, or met a fault."""
        while not self.stopped.is_set():
            try:
                answer = self._client.request(method, path, json=body) if body else self._client.request(method, path)
            except httpx.TransportError:
                self.tally.broken += 1
            else:
                if answer.is_success:
                    self.tally.acknowledged += 1
                    return answer
                if answer.status_code != 503:
                    self.fault(f"{method} {path} is answered with {answer.status_code}: {answer.text[:200]}")
                    return None
                self.tally.refused += 1
            self.stopped.wait(PAUSE_SECONDS)
        return None

    def fault(self, reason: str) -> None:
        """Note what must not be, and stop."""
        self.faults.append(reason)
        self.stopped.set()

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()


class Loader(threading.Thread):
    """Posts the batches in their order, up to a mark that is moved on."""

    def __init__(self, base: str, material: Material, ledger: Ledger) -> None:
        super().__init__(name="loader", daemon=True)
        self.sender = Sender(base)
        self.loaded = 0
        self._material, self._ledger = material, ledger
        self._mark = 0
        self._moved = threading.Condition()

    @property
    def left(self) -> int:
        """How many batches are to be loaded up to the mark."""
        return self._mark - self.loaded

    def load_items(self) -> None:
        """Store every item."""
        items = self._material.items
        for first in range(0, len(items), 1_000):
            self.sender.send("POST", "/v1/items:batch", {"items": items[first : first + 1_000]})

    def allow(self, share: float) -> None:
        """Load on, up to this share of everything."""
        with self._moved:
            self._mark = round(share * len(self._material.batches))
            self._moved.notify_all()

    def run(self) -> None:
        """Load until everything is loaded, or until the sender is stopped."""
        for batch in self._material.batches:
            with self._moved:
                self._moved.wait_for(lambda: self.loaded < self._mark or self.sender.stopped.is_set())
            values: list[tuple[Pair, float | None]] = [((r["user_id"], r["item_id"]), r["value"]) for r in batch]
            self._ledger.sending(pair for pair, _ in values)
            answer = self.sender.send("POST", "/v1/ratings:batch", {"ratings": batch})
            if answer is None:
                return
            stored = [each["outcome"] in STORED for each in answer.json()["outcomes"]]
            if not all(stored):
                self.sender.fault(f"a batch was not stored as a whole: {answer.json()['counts']}")
                return
            self._ledger.acknowledged(values)
            self.loaded += 1

    def stop(self) -> None:
        """End after the batch under way."""
        self.sender.stopped.set()
        with self._moved:
            self._moved.notify_all()
        self.join(WRITE_SECONDS + 5)
        self.sender.close()


class Changer(threading.Thread):
    """Rates, changes its mind and takes ratings back, one at a time; new users, known items."""

    def __init__(self, base: str, items: Sequence[str], ledger: Ledger, *, seed: int) -> None:
        super().__init__(name=f"changer {seed}", daemon=True)
        self.sender = Sender(base)
        self._ledger = ledger
        self._rng = random.Random(seed)  # noqa: S311 - no secret
        self._users = [f"changer-{seed}-{number}" for number in range(CHANGING_USERS)]
        self._items = self._rng.sample(items, min(30, len(items)))

    def run(self) -> None:
        """Write until the sender is stopped."""
        acts: list[Callable[[Pair], bool]] = [self._post, self._put, self._take_back]
        while not self.sender.stopped.is_set():
            pair = (self._rng.choice(self._users), self._rng.choice(self._items))
            self._ledger.sending([pair])
            self._rng.choices(acts, [6, 3, 1])[0](pair)
            self.sender.stopped.wait(0.01)

    def stop(self) -> None:
        """End after the write under way."""
        self.sender.stopped.set()
        self.join(WRITE_SECONDS + 5)
        self.sender.close()

    def _post(self, pair: Pair) -> bool:
        value = self._any_value()
        body = {"user_id": pair[0], "item_id": pair[1], "value": value}
        return self._settle(pair, value, self.sender.send("POST", "/v1/ratings", body))

    def _put(self, pair: Pair) -> bool:
        value = self._any_value()
        return self._settle(pair, value, self.sender.send("PUT", _address(pair), {"value": value}))

    def _take_back(self, pair: Pair) -> bool:
        return self._settle(pair, None, self.sender.send("DELETE", _address(pair)))

    def _settle(self, pair: Pair, value: float | None, answer: httpx.Response | None) -> bool:
        if answer is None:
            return False
        if value is not None and answer.json()["outcome"] not in STORED:
            self.sender.fault(f"a rating was not stored: {answer.text[:200]}")
            return False
        self._ledger.acknowledged([(pair, value)])
        return True

    def _any_value(self) -> float:
        return self._rng.randint(1, 10) / 2


def _address(pair: Pair) -> str:
    return f"/v1/users/{quote(pair[0], safe='')}/ratings/{quote(pair[1], safe='')}"
