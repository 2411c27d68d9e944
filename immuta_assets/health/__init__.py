"""Health: whether everything that was promised holds, said to people and programs.

``status`` judges what is there (``ingestion`` what of it is query history), ``doctor`` tries what is needed,
``incidents`` says when a message is due, and ``notifications`` sends it. What is judged of files belongs to
``publishing.verdicts``.
"""
