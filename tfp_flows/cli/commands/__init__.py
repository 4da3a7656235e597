"""The commands, a module each; `cli.parser` says what a module has, and lists them."""
