"""Quality of maps: what is summed over pixels when a map meets its target, and the figures of such sums."""
