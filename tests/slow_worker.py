"""A worker for the tests, in a process of its own: as ``medley worker``, with a fit as the test asks for."""

import functools
import sys
from pathlib import Path

import stub_fits

import training.worker
from cli.worker import work_until_stopped
from training.fit_process import fit_and_answer, start_fit
from training.worker import Plan

FITS = {"real": fit_and_answer, "quick": stub_fits.fit_quickly, "endless": stub_fits.fit_endlessly}


def main(url: str, artifacts: str, fit: str, schedule: str, new_ratings: str) -> None:
    training.worker.start_fit = functools.partial(start_fit, fit=FITS[fit])
    work_until_stopped(url, Plan(Path(artifacts), 5.0, schedule, int(new_ratings), poll_seconds=0.2))


if __name__ == "__main__":
    main(*sys.argv[1:])
