"""The commands of python -m model_export: their options, and what they call."""
