"""What sensors say: messages, topics, encodings, scenes and simulators."""
