"""What an evaluation left behind, as frozen values: protocol, numbers with intervals, samples."""
