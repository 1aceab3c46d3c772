"""Results against truth: which crossings raised an alert, how soon, where, and what else did."""
