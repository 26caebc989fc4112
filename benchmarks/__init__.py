"""Speed and memory, measured from outside: ``python -m benchmarks`` prints a table and writes JSON."""
