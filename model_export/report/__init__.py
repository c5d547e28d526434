"""The report: stored evaluations and measured times become a page with tables, plots and a gallery."""
