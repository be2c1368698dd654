"""Long work: parallel, resumed."""
