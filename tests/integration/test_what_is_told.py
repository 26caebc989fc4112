"""Logs and traces of running processes: what they tell, and the secrets that they must not."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from keyless import note_no_keys
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from serving import ROOT, Server, eventually, running_server
from sqlalchemy.engine import make_url

from app.db import driver_url

PASSWORD, TOKEN, KEY, COOKIE = "hunter2-of-the-database", "bearer-4711", "mk_live_4711", "session-4711"
BODY = "said-in-confidence"
SECRETS = (PASSWORD, TOKEN, KEY, COOKIE, BODY)
WITHIN_SECONDS = 90


@dataclass
class Collector:
    """Takes what an OpenTelemetry exporter sends by HTTP/protobuf."""

    received: list[tuple[str, ExportTraceServiceRequest]] = field(default_factory=list)

    def spans(self) -> dict[str, dict[str, object]]:
        """The attributes of the spans received so far, by name."""
        return {
            span.name: {each.key: each.value.string_value or each.value.int_value for each in span.attributes}
            for _, request in list(self.received)
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        }

    def take(self, path: str, body: bytes) -> None:
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        self.received.append((path, request))


@pytest.fixture(scope="module")
def collector() -> Generator[tuple[Collector, str]]:
    """A collector, and its address."""
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.take(self.path, gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield found, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def refused_url(server_url: str) -> str:
    """The address of a server that runs, and of a database that it has, with a password that is not right."""
    return make_url(driver_url(server_url)).set(password=PASSWORD).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def server(
    refused_url: str, collector: tuple[Collector, str], tmp_path_factory: pytest.TempPathFactory
) -> Generator[Server]:
    """A server that tells all it can, and that has been sent secrets in every place where a client could put one."""
    directory = tmp_path_factory.mktemp("telling")
    variables = {
        "MEDLEY_DATABASE_URL": refused_url,
        "MEDLEY_DATA_DIR": str(directory),
        "MEDLEY_LOG_LEVEL": "debug",
        "MEDLEY_OPENTELEMETRY": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector[1],
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_SERVICE_NAME": "medley-under-test",
    }
    note_no_keys(directory)
    with running_server(directory, variables) as started:
        headers = {"Authorization": f"Bearer {TOKEN}", "X-API-Key": KEY, "Cookie": f"session={COOKIE}"}
        with httpx.Client(base_url=started.base, headers=headers, timeout=30) as client:
            assert client.get("/v1/users/ada/recommendations").status_code == 200
            rating = {"user_id": BODY, "item_id": BODY, "value": 4}
            assert client.post("/v1/ratings", json=rating).status_code == 503
            assert client.post("/v1/ratings", json=rating | {BODY: BODY}).status_code == 422
            assert client.post("/v1/ratings", content=f'{{"{BODY}"'.encode()).status_code in {400, 415, 422}
            assert client.get("/v1/nothing").status_code == 404
        yield started


def test_spans_are_made_and_exported(server: Server, collector: tuple[Collector, str]) -> None:
    found = collector[0]
    name = "GET /v1/users/{user_id}/recommendations"
    eventually(lambda: {name, "POST /v1/ratings"} <= found.spans().keys(), WITHIN_SECONDS)
    assert found.spans()[name]["http.response.status_code"] == 200
    assert found.spans()[name]["http.route"] == "/v1/users/{user_id}/recommendations"
    assert {path for path, _ in found.received} == {"/v1/traces"}
    services = {
        each.value.string_value
        for _, request in found.received
        for of_resource in request.resource_spans
        for each in of_resource.resource.attributes
        if each.key == "service.name"
    }
    assert services == {"medley-under-test"}


def test_no_span_holds_a_secret(server: Server, collector: tuple[Collector, str]) -> None:
    eventually(lambda: "POST /v1/ratings" in collector[0].spans(), WITHIN_SECONDS)
    told = "".join(str(request) for _, request in collector[0].received)
    assert [secret for secret in SECRETS if secret in told] == []


def test_no_log_of_the_service_holds_a_secret(server: Server) -> None:
    eventually(lambda: "password authentication failed" in server.log.read_text(), WITHIN_SECONDS)
    log = server.log.read_text()
    assert "/v1/users/{user_id}/recommendations" in log
    assert [secret for secret in SECRETS if secret in log] == []


def test_no_log_of_the_worker_holds_the_password(refused_url: str, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    environment = {"MEDLEY_DATABASE_URL": refused_url, "MEDLEY_DATA_DIR": str(tmp_path), "MEDLEY_LOG_LEVEL": "debug"}
    command = [sys.executable, "-c", "from cli.main import main; main()", "worker"]
    with (
        log.open("w") as sink,
        subprocess.Popen(command, cwd=ROOT, env=environment | {"PYTHONPATH": str(ROOT)}, stderr=sink) as process,
    ):
        try:
            eventually(lambda: "password authentication failed" in log.read_text(), WITHIN_SECONDS)
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert "worker.stopped" in log.read_text()
    assert PASSWORD not in log.read_text()
