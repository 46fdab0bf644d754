"""Builders for what is not configured, made and installed: Python projects and environments, applications of npm."""
