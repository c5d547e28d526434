"""Evaluation: the figures of a network on a data split, their intervals, and files of them."""
