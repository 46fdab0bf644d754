"""Errors that more than one room of hermetica raises; each room keeps its own beside the code that raises them."""

from __future__ import annotations

from hermetica_store.errors import HermeticaError, StoreError

__all__ = ["EvaluationError", "HermeticaError", "StoreError"]


class EvaluationError(HermeticaError):
    """The user's derivation code asks for something that has no meaning."""

    code = "HM200"
