"""What every frame of the project shares: how it is held to its schema, streamed, and given ids that last.

Add here what is true of any frame, whatever it holds. What the columns of a frame mean belongs to the package that
makes it; where frames are stored belongs to ``datasets``.
"""
