"""The `portrait` tier: LivePortrait's networks (arXiv 2407.03168), for users who have its weights and a GPU."""
