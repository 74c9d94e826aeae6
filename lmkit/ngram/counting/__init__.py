"""Counting n-grams: sorted records, partition by partition, in memory or on disk, and estimation from them."""
