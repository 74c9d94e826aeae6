"""The query structures: the fast trie and the compact one, their making, their successors, and all n-grams as arrays."""
