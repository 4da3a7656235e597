"""The technical report: its text, and what remakes it; `python -m report` runs it."""
