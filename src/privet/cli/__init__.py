"""The command line: parses, calls the library, shows. One file for each noun."""
