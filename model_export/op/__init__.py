"""The operators pag::PerforatedConv and pag::BudgetMask: schema, meaning, function bodies, PyTorch form."""
