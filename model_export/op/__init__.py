"""The operators pag::PerforatedConv, pag::Bottleneck and pag::BudgetMask: schema, meaning, function bodies, PyTorch form."""
