"""`python -m tfp_flows`, the same as the console script `tfp-flows`."""

import sys

from tfp_flows.cli import main

sys.exit(main())
