"""Tables as Parquet, for whoever has the extra ``parquet`` of the distribution."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ParquetMissing(HermeticaError):
    """A table is to be written as Parquet, and there is nothing here that could."""

    code = "HM505"


def require_pyarrow() -> tuple[Any, Any]:
    """The modules that write Parquet.

    Raises:
        ParquetMissing: pyarrow is not installed.
    """
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ParquetMissing(
            "Parquet is written by pyarrow, which is not installed", hint="pip install pyarrow; or --builds-csv"
        ) from error


def parquet_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A table as one file.

    Raises:
        ParquetMissing: pyarrow is not installed.
    """
    arrow, writer = require_pyarrow()
    sink = arrow.BufferOutputStream()
    writer.write_table(arrow.Table.from_pylist([dict(row) for row in rows]), sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data
