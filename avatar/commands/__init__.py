"""The subcommands of `avatar`: each file declares one and imports what it needs only when it runs."""
