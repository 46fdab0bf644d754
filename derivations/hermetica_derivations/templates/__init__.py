"""Projects to begin with: each directory here is one, which ``hermetica init`` copies."""
