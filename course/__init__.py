"""What the chapters import: data, figures, profiles, training guards, the ledger and runs."""
