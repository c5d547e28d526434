"""Measures of quality: sums over the pixels of a map and its target, and the figures of such sums."""
