"""Other people's training loops over a private plan. Each file needs the framework of its name, and loads it."""
