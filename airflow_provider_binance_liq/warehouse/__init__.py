"""From manifests to tables: columns, SQL per dialect, and the operators that load."""
