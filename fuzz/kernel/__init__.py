"""The Linux kernel of this machine as a witness of the oracle: what its verifier accepts it runs, and the results are compared.

bpf.py      the system call
adapt.py    a program and its input as something that a verifier may accept
witness.py  running both and comparing
"""
