"""`python -m mechcot`."""

from mechcot.cli.main import main

if __name__ == "__main__":
    main()
