"""The command line: one command per file. Commands print; the rooms below them do the work."""
