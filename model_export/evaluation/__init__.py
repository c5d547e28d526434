"""Quality and cost of networks."""
