"""`bench space`: volumes by size come, grow and go while daemons are killed (-9); then the pool's books are held against its disks.

What is done is in run.py; what is true of books and disks in books.py, which knows nothing of what was done.
"""
