"""Training: one loop, checkpoints that hold everything, a log and a plot."""
