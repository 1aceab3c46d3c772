"""Calibration by tap test: a crew's log and the fibre's frames in, a calibration table out."""
