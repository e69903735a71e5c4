"""How the server uses the sites' updates: one file, one paper each, found by file name. Each defines STRATEGY."""
