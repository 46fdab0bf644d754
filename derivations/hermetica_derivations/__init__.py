"""Recipes: pinned toolchains, a standard environment, packages. All use the public API alone."""
