"""Which steps can go before the answer changes, offline and while a model writes."""
