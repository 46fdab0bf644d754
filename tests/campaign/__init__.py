"""The crash campaign: what kills and power losses leave of a store, judged by a checker of its own."""
