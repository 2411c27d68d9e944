"""Who is behind a user name of a platform: the Immuta user, if the tenant knows one, and what to do where not."""
