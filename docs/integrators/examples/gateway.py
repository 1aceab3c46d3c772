# ruff: noqa: INP001, T201 - an example to read and run by itself; it prints
"""A whole gateway for one patrol's radio, with paho-mqtt: python gateway.py HOST [PORT].

STRAJA_GATEWAY and STRAJA_GATEWAY_PASSWORD are what `straja gateway add` printed; with
STRAJA_GATEWAY_CA, the file of the authority that signed the broker's certificate, it speaks TLS.
"""

import itertools
import json
import os
import sys
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

GROUP, SENSOR = os.environ.get("STRAJA_GATEWAY", "patrols-north"), "patrol-07"
TOPIC = f"straja/v1/{GROUP}/patrol/{SENSOR}"
GATEWAY = f"straja/v1/{GROUP}/gateway/status"
SESSION = f"boot-{time.time_ns()}"  # new at each start
HEARTBEAT_S = 10
ANSWERED, REFUSALS = threading.Event(), list[str]()
_counts: dict[str, "itertools.count[int]"] = {}


def message(channel: str, measured_at_ns: int, **fields: object) -> str:
    """Put what every message carries before its own fields; numbers count up per channel."""
    sequence = next(_counts.setdefault(channel, itertools.count()))
    common = {"schema": 0, "session": SESSION, "sequence": sequence, "mark": "real"}
    times = {"measured_at_ns": str(measured_at_ns), "sent_at_ns": str(time.time_ns())}
    return json.dumps({**common, **times, **fields})


def register() -> str:
    """Say who the sensor is."""
    who = {"kind": "patrol", "model": "radio with GNSS", "own_force": True}
    return message("register", time.time_ns(), heartbeat_interval_s=HEARTBEAT_S, **who)


def pose(longitude_deg: float, latitude_deg: float, accuracy_m: float) -> str:
    """Say where the patrol is."""
    place = {"longitude_deg": longitude_deg, "latitude_deg": latitude_deg, "accuracy_m": accuracy_m}
    return message("pose", time.time_ns(), position=place)


def on_connect(
    client: mqtt.Client, _data: object, _flags: object, code: object, *_: object
) -> None:
    """Say again, at each connection, that we are here and who the sensor is."""
    if code != "Success":
        REFUSALS.append(f"the broker refused {GROUP}: {code}; check STRAJA_GATEWAY_PASSWORD")
    else:
        client.subscribe(f"straja/v1/{GROUP}/+/+/rejected", qos=1)
        client.publish(GATEWAY, json.dumps({"schema": 0, "state": "online"}), qos=1, retain=True)
        client.publish(f"{TOPIC}/register", register(), qos=1, retain=True)
    ANSWERED.set()


def on_message(_client: mqtt.Client, _data: object, refused: mqtt.MQTTMessage) -> None:
    """Show what the service refused."""
    print(json.loads(refused.payload)["text"])


def main() -> None:
    """Connect, then send a position and a heartbeat for ever, or until the broker refuses us."""
    host, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1883
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=GROUP)
    if password := os.environ.get("STRAJA_GATEWAY_PASSWORD"):
        client.username_pw_set(GROUP, password)
    if authority := os.environ.get("STRAJA_GATEWAY_CA"):
        client.tls_set(ca_certs=authority)
    client.will_set(GATEWAY, json.dumps({"schema": 0, "state": "offline"}), qos=1, retain=True)
    client.on_connect, client.on_message = on_connect, on_message
    try:
        client.connect(host, port)
    except OSError as error:
        sys.exit(f"no broker at {host}:{port}: {error}")
    client.loop_start()
    if not ANSWERED.wait(10.0):
        sys.exit(f"{host}:{port} does not answer as an MQTT broker: does it want TLS?")
    while not REFUSALS:
        client.publish(f"{TOPIC}/pose", pose(21.05, 45.61, 5.0), qos=1)
        beat = message("status", time.time_ns(), state="online", clock="synchronised")
        client.publish(f"{TOPIC}/status", beat, qos=1, retain=True)
        time.sleep(HEARTBEAT_S)
    sys.exit(REFUSALS[0])


if __name__ == "__main__":
    main()
