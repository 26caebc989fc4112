"""A worker for the tests, in a process of its own: as ``medley worker``, with as long a fit as the test asks for."""

import sys
from pathlib import Path

from cli.worker import work_until_stopped
from training.worker import Plan


def main(url: str, artifacts: str, iterations: str, schedule: str, new_ratings: str) -> None:
    parameters = None
    if iterations:
        from training.collaborative import AlsParameters  # noqa: PLC0415 - loads the fitting libraries
        from training.fit import Parameters  # noqa: PLC0415

        parameters = Parameters(als=AlsParameters(factors=8, iterations=int(iterations)))
    plan = Plan(Path(artifacts), 5.0, schedule, int(new_ratings), poll_seconds=0.2, parameters=parameters)
    work_until_stopped(url, plan)


if __name__ == "__main__":
    main(*sys.argv[1:])
