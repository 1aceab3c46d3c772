"""From payloads to messages in order: duplicates, gaps, clocks, refusals."""
