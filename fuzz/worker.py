"""What a worker process does: judge one subject with the engine that it keeps.

It also compares the oracle with the answer that came with the input, so that oracle and compiler cannot be wrong together.
"""
