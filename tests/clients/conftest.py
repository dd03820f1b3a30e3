from hypothesis import settings

settings.register_profile("calm", deadline=None, database=None)  # a busy machine is no reason to fail
settings.load_profile("calm")
