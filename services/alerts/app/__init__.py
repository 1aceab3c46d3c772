"""The HTTP app: sign-in, alerts, sensors, the live feed, and the operators' console."""

from services.alerts.app.create import create_app
from services.alerts.app.server import StreamingServer
from services.alerts.app.settings import AppSettings

__all__ = ["AppSettings", "StreamingServer", "create_app"]
