"""The database: journal, conclusions, feeds, accounts, snapshots, backup; and the local spool.

The only package that speaks to PostgreSQL. ``Store`` is what a running service uses; ``migrate``,
``backup`` and ``restore`` are commands of their own.
"""
