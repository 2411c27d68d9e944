"""Layouts of the access summary export: what each version promises, how its files look, and who reads them how.

``versions`` lists them; a version is a module such as ``prpr2``. What the tables *say* belongs to ``access_summary``;
where their files go to ``publishing``.
"""
