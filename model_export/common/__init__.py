"""Errors, atomic writes, sizes, threads and provenance: used by every part, using none of them."""
