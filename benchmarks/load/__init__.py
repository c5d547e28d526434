"""Benchmarks of the service under load: generator, peers, sweep, vanishing clients, soak."""
