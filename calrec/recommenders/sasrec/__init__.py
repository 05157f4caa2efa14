"""SASRec (Kang and McAuley, 2018): causal self-attention over item ids; reads no text.

`settings` is light; `recommender` imports jax where it is used; `model` is the network itself.
"""
