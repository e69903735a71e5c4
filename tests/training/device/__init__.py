"""What an accelerator changes, and what it must not."""
