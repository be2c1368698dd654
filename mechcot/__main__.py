"""`python -m mechcot`."""

from mechcot.cli.program import program

if __name__ == "__main__":
    program()
