"""Primitives that several families share: hashing of byte strings, and what else is not tied to one of them."""
