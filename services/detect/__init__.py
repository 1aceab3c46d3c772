"""From messages to detections."""
