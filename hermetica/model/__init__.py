"""The pure model: derivations, their canonical form, ids, placeholders, resolution. Nothing here touches the world."""

from __future__ import annotations

from hermetica.model.builtins import (
    FetchWithoutHash,
    InvalidRevision,
    debian_rootfs,
    fetchgit,
    fetchurl,
    run,
    text,
    unpack,
)
from hermetica.model.canonical import NotCanonical, UnhashableValue
from hermetica.model.defining import derivation
from hermetica.model.derivation import Derivation, InvalidDerivation, UnknownOutput
from hermetica.model.devshell import devshell
from hermetica.model.evaluation import Evaluation, UnknownPlaceholder, current_evaluation, evaluation
from hermetica.model.fetching import fetchwith
from hermetica.model.graph import build_graph, closure
from hermetica.model.images import InvalidImage, fetchoci
from hermetica.model.input import Input, NotInside
from hermetica.model.nix import InvalidNixPath, fetchnix
from hermetica.model.origin import Origin
from hermetica.model.outputs import UNKNOWN, FixedOutput, InvalidHash, Meta, OutputChecks
from hermetica.model.override import Fields, NotOverridable, Recipe, UnknownArgument
from hermetica.model.placeholder import InvalidOutputName, MangledPlaceholder, Token, placeholder
from hermetica.model.record import InvalidRecord, from_record, from_records, to_record, to_records
from hermetica.model.resolve import Resolved, ResolvedForm, resolve, resolved_form, with_own_paths
from hermetica.model.source import Source, store_path_source

__all__ = [
    "UNKNOWN",
    "Derivation",
    "Evaluation",
    "FetchWithoutHash",
    "Fields",
    "FixedOutput",
    "Input",
    "InvalidDerivation",
    "InvalidHash",
    "InvalidImage",
    "InvalidNixPath",
    "InvalidOutputName",
    "InvalidRecord",
    "InvalidRevision",
    "MangledPlaceholder",
    "Meta",
    "NotCanonical",
    "NotInside",
    "NotOverridable",
    "Origin",
    "OutputChecks",
    "Recipe",
    "Resolved",
    "ResolvedForm",
    "Source",
    "Token",
    "UnhashableValue",
    "UnknownArgument",
    "UnknownOutput",
    "UnknownPlaceholder",
    "build_graph",
    "closure",
    "current_evaluation",
    "debian_rootfs",
    "derivation",
    "devshell",
    "evaluation",
    "fetchgit",
    "fetchnix",
    "fetchoci",
    "fetchurl",
    "fetchwith",
    "from_record",
    "from_records",
    "placeholder",
    "resolve",
    "resolved_form",
    "run",
    "store_path_source",
    "text",
    "to_record",
    "to_records",
    "unpack",
    "with_own_paths",
]
