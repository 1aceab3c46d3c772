"""Results against results: what one run found that another did not."""
