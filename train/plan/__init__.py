"""What a training or a sampling would need on described chips, before any is rented.

Parameters, tokens and operations are counted. Memory and collectives are the compiler's own, where
libtpu is installed (extra `tpu`): it compiles for a topology without having one. For a GPU they are
estimated by arithmetic.
"""
