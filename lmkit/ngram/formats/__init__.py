"""File formats of n-gram models, one file each."""
