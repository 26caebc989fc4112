"""The engine: arrays in, ranked rows out. Pure: no SQL, no HTTP, no clock, no randomness."""
