"""Pure geometry and the site model."""
