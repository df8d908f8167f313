"""What clients and nodes send each other: frames, answers, errors and views."""
