"""The ``straja`` command."""
