"""Language models of every family side by side: one text, one protocol, one table."""
