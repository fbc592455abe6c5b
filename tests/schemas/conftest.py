from hypothesis import settings

# The first example of a run pays for loading the compiled walker, and no test here asserts a time.
settings.register_profile("schemas", deadline=None)
settings.load_profile("schemas")
