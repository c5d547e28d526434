"""The operators of domain pag: schema, meaning in numpy, function bodies, PyTorch form."""
