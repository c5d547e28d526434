"""Checkpoint -> weights/<name>/: lowering to ONNX, the manifest, the check that all forms agree."""
