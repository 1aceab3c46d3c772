"""Topics that are no text.

MQTT wants UTF-8 (3.1.1, section 1.5.3), yet some brokers pass on what is not. The library then
raises where a message's topic is asked for, in the middle of its reading: the reader's thread ends,
or the rest of the connection is misread.
"""

import paho.mqtt.client as paho


def make_readable(message: paho.MQTTMessage) -> None:
    r"""Write the bytes of a topic that are no UTF-8 as ``\xff``.

    No name of the contract holds a backslash: so the message is refused for its topic like any
    other, counted, answered as far as its topic says to whom, and acknowledged in its turn.
    """
    try:
        message.topic  # noqa: B018 - it decodes
    except UnicodeDecodeError:
        raw: bytes = message._topic  # noqa: SLF001 - the library has no other way to the bytes
        message.topic = raw.decode(errors="backslashreplace").encode()
