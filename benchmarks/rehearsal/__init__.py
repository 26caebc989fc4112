"""The rehearsal: everything together, under load, with each process killed once; run it by ``python -m benchmarks.rehearsal``."""
