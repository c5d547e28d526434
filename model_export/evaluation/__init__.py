"""Measures networks: quality of the tasks and cost of the computation."""
