"""How the database of corrections came to be as it is; run by ``service.feedback.database``."""
