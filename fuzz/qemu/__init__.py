"""QEMU in user mode as an engine: a process of a MIPS Linux that does nothing but run images, on memory that it shares with us.

elf.py      a static executable
agent.py    the program of the process, and where things lie in its memory
machine.py  the process: maps, starts and stops of images as values
models.py   which program of QEMU, and which of its CPUs
target.py   the target
"""
