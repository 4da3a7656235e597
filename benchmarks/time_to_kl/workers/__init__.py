"""Workers: a file per library, each run in a process and an environment of its own."""
