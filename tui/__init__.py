"""What a person or a script meets: the command line and its fronts."""
