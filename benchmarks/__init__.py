"""Measurements, each of which prints ratios from one run and writes a file under `results`."""
