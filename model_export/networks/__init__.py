"""Networks in PyTorch: backbones, gates and MultiPool of the talk on PAG (Kong & Fowlkes), and task heads."""
