"""Systems that earlier versions left behind, one folder each: README.md says how they were made."""
