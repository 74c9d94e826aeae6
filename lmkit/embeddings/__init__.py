"""Word vectors: word2vec and fastText, their training, search and files."""
