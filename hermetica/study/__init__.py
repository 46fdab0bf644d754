"""Studies of reproducibility: what is varied, why builds differ, and what that amounts to in numbers.

What to ask and what it comes to is decided in pure modules; `carrying`, `bench` and `log` act. Each name is imported
when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.lazy import import_on_demand

if TYPE_CHECKING:
    from hermetica.study.attribution import attribute
    from hermetica.study.carrying import Carrier, Ended, NothingVaried
    from hermetica.study.causes import Attribution, Causes
    from hermetica.study.comparing import Alike, alike
    from hermetica.study.declaration import Budget, Design, InvalidStudy, Study, all_factors, parse
    from hermetica.study.diffoscope import Diffoscope
    from hermetica.study.log import LogDamaged, LogNotWritten, NoLog, StudyRunning, read_log
    from hermetica.study.machines import OtherMachine
    from hermetica.study.metrics import Metrics, metrics_of
    from hermetica.study.results import results_of
    from hermetica.study.space import Space
    from hermetica.study.statistics import Rate, fisher_exact, holm, mcnemar_exact, wilson
    from hermetica.study.trials import Atom, Sighting, Trial
    from hermetica.study.verdict import Verdict, verdicts_of

__all__ = [
    "Alike",
    "Atom",
    "Attribution",
    "Budget",
    "Carrier",
    "Causes",
    "Design",
    "Diffoscope",
    "Ended",
    "InvalidStudy",
    "LogDamaged",
    "LogNotWritten",
    "Metrics",
    "NoLog",
    "NothingVaried",
    "OtherMachine",
    "Rate",
    "Sighting",
    "Space",
    "Study",
    "StudyRunning",
    "Trial",
    "Verdict",
    "alike",
    "all_factors",
    "attribute",
    "fisher_exact",
    "holm",
    "mcnemar_exact",
    "metrics_of",
    "parse",
    "read_log",
    "results_of",
    "verdicts_of",
    "wilson",
]

__getattr__ = import_on_demand(
    __name__,
    {
        "attribution": ("attribute",),
        "carrying": ("Carrier", "Ended", "NothingVaried"),
        "causes": ("Attribution", "Causes"),
        "comparing": ("Alike", "alike"),
        "declaration": ("Budget", "Design", "InvalidStudy", "Study", "all_factors", "parse"),
        "diffoscope": ("Diffoscope",),
        "log": ("LogDamaged", "LogNotWritten", "NoLog", "StudyRunning", "read_log"),
        "machines": ("OtherMachine",),
        "metrics": ("Metrics", "metrics_of"),
        "results": ("results_of",),
        "space": ("Space",),
        "statistics": ("Rate", "fisher_exact", "holm", "mcnemar_exact", "wilson"),
        "trials": ("Atom", "Sighting", "Trial"),
        "verdict": ("Verdict", "verdicts_of"),
    },
)
