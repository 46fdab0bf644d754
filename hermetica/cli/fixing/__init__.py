"""Right hashes, written where the wrong ones stand in the user's own files."""
