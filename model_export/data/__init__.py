"""Reads data sets and prepares samples for training and evaluation."""
