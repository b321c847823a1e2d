"""Fuzzing campaigns: programs generated, judged on all configurations, in processes or on a cluster, night after night.

pool    processes that may die, behind the interface of concurrent.futures
unit    what a worker does with the number of a batch: generate, judge, observe
state   what a campaign has come to: SQLite and files
run     the loop between them
"""
