"""What can be wrong with a corpus, or with the wish to run it."""

from __future__ import annotations

from hermetica.errors import HermeticaError


class MalformedCase(HermeticaError):
    """A file of cases does not say what a case needs, or says what nobody understands."""

    code = "HM530"


class UnknownCase(HermeticaError):
    """No case, package or comparator is called what was asked for."""

    code = "HM531"
