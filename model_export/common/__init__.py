"""What every part needs and what needs no part: errors, writing of files, sizes, threads, provenance."""
