"""The data that clients and nodes exchange: frames, answers, errors and views."""
