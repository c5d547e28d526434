"""What the service does under load: generator, peers, sweep, vanishing clients, soak."""
