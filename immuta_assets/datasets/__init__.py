"""The stored data: the one door through which every frame is written and read, and the days and hours it is kept by.

Add here what concerns a stored frame as such: its place, its partitions, how it is replaced, how old ones are cleaned
up. What a frame holds belongs to the package that makes it, when it is made to ``orchestration``.
"""
