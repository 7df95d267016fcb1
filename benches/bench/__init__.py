"""The benchmark: servers, load, scenarios, table."""
