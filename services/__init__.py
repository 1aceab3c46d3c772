"""What becomes of it: ingest, detection, correlation, alerts and the world around them."""
