"""Trains the networks and makes what the service loads; torch lives here and only here."""
