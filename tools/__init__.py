"""Commands for the people who maintain this repository."""
