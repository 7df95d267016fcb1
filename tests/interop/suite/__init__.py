"""What the scenarios share: cache, processes, tailsieve itself, OTLP/JSON, and the table at the end."""
