"""The words: units, neighbours, events, guarantees, bounds, sealed values, errors. Imports nothing of Privet's."""
