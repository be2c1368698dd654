"""`python -m mechcot`."""

from mechcot.cli import main

if __name__ == "__main__":
    main()
