"""`python -m scim.simulate`."""

import sys

from scim.simulate import main

sys.exit(main(sys.argv[1:]))
