"""The paper's tables and figures, over the runs of evaluations."""
