"""Training: snapshot, split, fit, blend, evaluate, publish; and the importers."""
