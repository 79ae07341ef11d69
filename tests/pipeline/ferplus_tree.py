"""A small FERPlus directory in the official layout, drawn on the spot."""

import numpy as np
from PIL import Image

from tag_plugin.data.ferplus import FOLDERS

CLEAR = (0, 9, 0, 0, 0, 0, 0, 0, 1, 0)
TIED = (5, 5, 0, 0, 0, 0, 0, 0, 0, 0)


def write_tree(root, per_split=4, splits=tuple(FOLDERS)):
    """`per_split` happy faces and one tied vote in each of `splits`, nothing in the others."""
    for part, (split, folder) in enumerate(FOLDERS.items()):
        names = [f"fer{part}{number:05d}.png" for number in range(per_split + 1)]
        (root / folder).mkdir(parents=True)
        for number, name in enumerate(names):
            noise = np.random.default_rng(number).integers(0, 255, (48, 48), dtype=np.uint8)
            Image.fromarray(noise).save(root / folder / name)
        votes = [CLEAR] * per_split + [TIED]
        lines = [
            f'{name},"(0, 0, 48, 48)",{",".join(map(str, vote))}\n'
            for name, vote in zip(names, votes, strict=True)
        ]
        (root / folder / "label.csv").write_text("".join(lines) if split in splits else "")
