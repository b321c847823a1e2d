"""Cases made small: shared by campaigns, which keep the symptom, and by shrinking, which keeps whatever it is asked to keep."""
