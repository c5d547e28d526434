"""The talk's networks in PyTorch: backbones, pixel-wise attentional gates, MultiPool, heads."""
