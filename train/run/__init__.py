"""A training run on disk: what it is, its states, its log.

RUN/run.json       what was run: stage, settings, decoder, data, the runs it builds on
RUN/tokenizer/
RUN/checkpoints/   a folder a saved step: the two newest, to resume from, and the best
RUN/log.jsonl      a line a logged step
RUN/lock           held by the process that trains
"""
