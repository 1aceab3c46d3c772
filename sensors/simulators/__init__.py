"""Stand-ins for hardware: the same messages, from scenes whose truth is known."""
