"""Pins from the locks of other tools: what npm, Cargo, uv and pip already decided, kept by content."""
