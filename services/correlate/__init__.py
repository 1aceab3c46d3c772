"""From detections to tracks and incidents."""
