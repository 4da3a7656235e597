"""The commands, one module each: its options beside what it does."""
