"""Data sets, and the samples and batches made of them."""
