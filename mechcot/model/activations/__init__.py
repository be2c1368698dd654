"""States of traces by step, site and layer, in memory or on disk."""
