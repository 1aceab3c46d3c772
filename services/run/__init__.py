"""Joins the parts into one process or several."""
