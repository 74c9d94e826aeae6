"""N-gram language models: counting, smoothing, query structures and file formats."""
