"""One seed, one world: users, edges, workers and crashes in virtual time; the laws hold after each."""
