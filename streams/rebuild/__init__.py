"""Makes read models anew beside the live ones: replay, compare, switch, verify."""
