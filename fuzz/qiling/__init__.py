"""Qiling as an engine, and as a process for a debugger. It is an extra (`bpfmips[qiling]`), and imported only when it is asked for.

process.py  an image as an executable
target.py   the target
debug.py    a process that waits for gdb
"""
