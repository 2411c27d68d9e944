"""Publishing: putting the files of the export where their consumers read them.

Add here what concerns the place and the moment of publication. What is in the files belongs to ``layouts`` and
``access_summary``; when they are published belongs to ``orchestration``.
"""
