"""Whatever ranks a shop for a history, one file or folder each."""
