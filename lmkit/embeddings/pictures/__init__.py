"""Word vectors on paper and on screen: two-dimensional maps as pictures and as one self-contained page."""
