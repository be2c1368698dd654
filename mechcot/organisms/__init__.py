"""The embedded default: small transformers, trained here from seed, whose use of their chain is known."""
