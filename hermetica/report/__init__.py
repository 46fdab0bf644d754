"""What runs leave behind: recorded events, and what is made of them: the course of a run, traces, pages.

Everything here is made of events and of nothing else. Each name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.lazy import import_on_demand

if TYPE_CHECKING:
    from hermetica.report.chrome import chrome_trace
    from hermetica.report.course import Course, Task, course_of
    from hermetica.report.markdown import summary
    from hermetica.report.pages import graph_page, report_page, study_page
    from hermetica.report.recording import NotARecording, Recorder, recorded_events
    from hermetica.report.runs import RecordedRun, recorded_runs, recorder_of_run

__all__ = [
    "Course",
    "NotARecording",
    "RecordedRun",
    "Recorder",
    "Task",
    "chrome_trace",
    "course_of",
    "graph_page",
    "recorded_events",
    "recorded_runs",
    "recorder_of_run",
    "report_page",
    "study_page",
    "summary",
]

__getattr__ = import_on_demand(
    __name__,
    {
        "chrome": ("chrome_trace",),
        "course": ("Course", "Task", "course_of"),
        "markdown": ("summary",),
        "pages": ("graph_page", "report_page", "study_page"),
        "recording": ("NotARecording", "Recorder", "recorded_events"),
        "runs": ("RecordedRun", "recorded_runs", "recorder_of_run"),
    },
)
