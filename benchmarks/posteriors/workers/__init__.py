"""One posterior by one method, in a process and an environment of its own."""
