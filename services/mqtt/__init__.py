"""The MQTT broker: reports over a durable session, frames drained by a thread, a publisher."""

from services.mqtt.address import BrokerAddress
from services.mqtt.frames import FrameReader
from services.mqtt.publisher import Publisher
from services.mqtt.reports import Delivery, Reports

__all__ = ["BrokerAddress", "Delivery", "FrameReader", "Publisher", "Reports"]
