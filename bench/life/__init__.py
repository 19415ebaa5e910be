"""`bench life`: a volume full of files is grown, balanced, shrunk and repaired under a writer, while daemons are killed (-9) all the time.

What is done and checked is in run.py; the parts know little of each other.
"""
