"""Models made of models: mixtures. They know their parts only through `lmkit.protocols`."""
