"""Health: whether everything that was promised holds, said to people and programs.

``status`` judges what is there, ``doctor`` tries what is needed, ``incidents`` says when somebody is told, and
``notifications`` how. What is judged belongs to the package that it is about.
"""
