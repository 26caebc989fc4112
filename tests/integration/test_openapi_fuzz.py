"""The whole description of the API against the whole service: no failure of ours, and no answer that is not described."""

import os
from collections.abc import Generator

import pytest
from databases import fresh_database
from fuzzing import Fuzzed, fuzzed_service, operation_ids
from hypothesis import HealthCheck, Phase, settings

# One worker does it all: the service, and what schemathesis makes of its description, are there once.
pytestmark = pytest.mark.xdist_group("fuzz")

FEW = settings(
    max_examples=int(os.environ.get("MEDLEY_TEST_FUZZ_EXAMPLES", "8")),
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def fuzzed(server_url: str, trained_template: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Fuzzed]:
    with (
        fresh_database(server_url, trained_template) as url,
        fuzzed_service(url, tmp_path_factory.mktemp("fuzzed")) as service,
    ):
        yield service


@pytest.mark.parametrize("operation_id", operation_ids())
def test_values_at_the_ends_of_what_is_allowed(fuzzed: Fuzzed, operation_id: str) -> None:
    for case in fuzzed.boundaries(fuzzed.operation(operation_id)):
        fuzzed.send(case)


@pytest.mark.parametrize("operation_id", operation_ids())
def test_values_at_random(fuzzed: Fuzzed, operation_id: str) -> None:
    fuzzed.fuzz(fuzzed.operation(operation_id), FEW)


def test_operations_after_each_other(fuzzed: Fuzzed) -> None:
    fuzzed.walk(settings(FEW, max_examples=15, stateful_step_count=6))
