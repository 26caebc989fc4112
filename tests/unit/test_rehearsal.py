"""What the rehearsal makes of what it sees; the rehearsal itself is a command, and too long for a test."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from benchmarks.rehearsal.ledger import Ledger
from benchmarks.rehearsal.readers import Outcome, Read, Reader, summarise
from benchmarks.rehearsal.verdict import ratings_faults, reads_faults


def test_a_ledger_knows_what_is_missing_different_and_unasked() -> None:
    ledger = Ledger()
    pairs = {name: ("ada", name) for name in ("kept", "lost", "changed", "deleted", "back", "pending")}
    ledger.sending(pairs.values())
    ledger.acknowledged([(pairs[name], 4.0) for name in ("kept", "lost", "changed")])
    ledger.acknowledged([(pairs[name], None) for name in ("deleted", "back")])
    stored = {pairs["kept"]: 4.0, pairs["changed"]: 2.0, pairs["back"]: 3.0, pairs["pending"]: 1.0}
    compared = ledger.compare(stored)
    assert compared.missing == [pairs["lost"]]
    assert compared.different == [pairs["changed"]]
    assert compared.unasked == [pairs["back"]]
    assert len(ratings_faults(compared)) == 3


def test_a_write_that_is_sent_again_and_not_acknowledged_proves_nothing() -> None:
    ledger = Ledger()
    ledger.sending([("ada", "1")])
    ledger.acknowledged([(("ada", "1"), 4.0)])
    assert ratings_faults(ledger.compare({("ada", "1"): 4.0})) == []
    ledger.sending([("ada", "1")])
    for stored in ({}, {("ada", "1"): 1.0}):
        assert ledger.compare(stored).holds


class Answering(BaseHTTPRequestHandler):
    """Answers as the path says: a status, or by closing the connection."""

    breaks = 0

    def do_GET(self) -> None:
        if type(self).breaks:
            type(self).breaks -= 1
            self.connection.close()
            return
        body = b'{"degraded": []}'
        self.send_response(int(self.path.split("/")[3]))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("status", "breaks", "served", "outcome"),
    [
        ("200", 0, True, Outcome.ANSWERED),
        ("200", 1, True, Outcome.REPEATED),
        ("200", 2, True, Outcome.FAILED),
        ("200", 2, False, Outcome.ABSENT),
        ("503", 0, False, Outcome.FAILED),
    ],
)
def test_a_read_fails_unless_it_or_its_repetition_is_answered(
    status: str, breaks: int, served: bool, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answering, "breaks", breaks)
    event = threading.Event()
    if served:
        event.set()
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            reader = Reader(f"http://127.0.0.1:{server.server_port}", [status], event, keep_alive=False, seed=1)
            read = reader.read()
        finally:
            server.shutdown()
    assert read.outcome is outcome


def test_a_single_failed_read_is_a_fault() -> None:
    reader = Reader("http://127.0.0.1:9", ["ada"], threading.Event(), keep_alive=True, seed=1)
    reader.reads = [Read(1.0, 0.1, Outcome.ANSWERED), Read(2.0, 0.1, Outcome.REPEATED), Read(3.0, 0.1, Outcome.ABSENT)]
    assert reads_faults(summarise([reader], 0, 9), 1) == []
    assert reads_faults(summarise([reader], 0, 9), 0) == ["1 reads had to be repeated, where kills explain 0"]
    reader.reads.append(Read(4.0, 0.1, Outcome.FAILED, reason="503"))
    assert reads_faults(summarise([reader], 0, 9), 1) == ["1 reads failed while a worker lived: ['503']"]
    assert reads_faults(summarise([reader], 0, 0.5), 1) == ["nothing was read"]
