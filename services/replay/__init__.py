"""Replay: a recording played into a broker under a topic root of its own."""

from services.replay.replayer import Replayed, Replayer

__all__ = ["Replayed", "Replayer"]
