"""`calrec-train report`: the curves of runs side by side, as in the paper's Fig. 2."""
