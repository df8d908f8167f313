"""Where rows lie: memory (the reference), SQLite, MongoDB."""
