"""One module a command, each ``add_arguments(parser)`` and ``run(session) -> exit status``, imported when chosen."""
