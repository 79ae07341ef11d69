"""Built rows -> the files to train on: SFT, RL and dev, disjoint; their balance; their card."""
