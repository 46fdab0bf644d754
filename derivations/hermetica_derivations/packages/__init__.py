"""Packages built from source with ``stdenv``, one module an area; every name is here too.

Each is a function of what it is built from, and a derivation made with the defaults: ``packages.zlib`` is
``packages.make_zlib()``. A change of a setting is a keyword: ``packages.make_zlib(do_check=False)``.
"""

from __future__ import annotations

from hermetica_derivations.packages import (
    archival,
    compression,
    crypto,
    data,
    graphics,
    languages,
    mathematics,
    network,
    node,
    npm_applications,
    python,
    python_modules,
    system,
    terminal,
    text,
    tools,
)
from hermetica_derivations.packages.archival import *
from hermetica_derivations.packages.compression import *
from hermetica_derivations.packages.crypto import *
from hermetica_derivations.packages.data import *
from hermetica_derivations.packages.graphics import *
from hermetica_derivations.packages.languages import *
from hermetica_derivations.packages.mathematics import *
from hermetica_derivations.packages.network import *
from hermetica_derivations.packages.node import *
from hermetica_derivations.packages.npm_applications import *
from hermetica_derivations.packages.python import *
from hermetica_derivations.packages.python_modules import *
from hermetica_derivations.packages.system import *
from hermetica_derivations.packages.terminal import *
from hermetica_derivations.packages.text import *
from hermetica_derivations.packages.tools import *

__all__: list[str] = []
__all__ += archival.__all__
__all__ += compression.__all__
__all__ += crypto.__all__
__all__ += data.__all__
__all__ += graphics.__all__
__all__ += languages.__all__
__all__ += mathematics.__all__
__all__ += network.__all__
__all__ += node.__all__
__all__ += npm_applications.__all__
__all__ += python.__all__
__all__ += python_modules.__all__
__all__ += system.__all__
__all__ += terminal.__all__
__all__ += text.__all__
__all__ += tools.__all__
