"""Evaluation: protocols that measure the engine that serves, and what they print."""
