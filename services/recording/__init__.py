"""Recordings of MQTT traffic as MCAP files, and the ring that always runs."""

from services.recording.file import Recorder
from services.recording.reading import Recording, read
from services.recording.ring import Ring

__all__ = ["Recorder", "Recording", "Ring", "read"]
