"""The description of a run: frozen models, YAML loading and overrides."""
