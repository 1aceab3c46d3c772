"""From incidents to alerts, the feed and the console."""
