"""A catalogue of corpora and their readers."""
