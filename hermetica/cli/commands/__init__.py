"""One module a command, each with ``add_arguments(parser)`` and ``run(session) -> exit status``; imported when chosen."""
