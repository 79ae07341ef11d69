"""Draws a small data set that has nothing to do with faces: squares, and the name of their colour.

    python recipes/tiny/colours.py data

Writes data/colours.json (sharegpt), its pictures, and its entry in data/dataset_info.json.
"""

import json
import sys
from pathlib import Path

from PIL import Image

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (40, 60, 200), "grey": (128,) * 3}
SHADES = 16
ENTRY = {
    "file_name": "colours.json",
    "formatting": "sharegpt",
    "columns": {"messages": "conversations", "images": "images"},
}


def main(data: Path) -> None:
    """64 squares of 112x112 pixels."""
    samples = []
    for shade in range(SHADES):
        for name, colour in COLOURS.items():
            picture = Path("colours", f"{name}_{shade:02}.png")
            (data / picture).parent.mkdir(parents=True, exist_ok=True)
            lighter = tuple(min(255, level + 3 * shade) for level in colour)
            Image.new("RGB", (112, 112), lighter).save(data / picture)
            question = {"from": "human", "value": "<image>What colour is this square?"}
            reply = {"from": "gpt", "value": f"{name.capitalize()}."}
            samples.append({"conversations": [question, reply], "images": [str(picture)]})
    (data / "colours.json").write_text(json.dumps(samples, indent=1))
    info = data / "dataset_info.json"
    known = json.loads(info.read_text()) if info.is_file() else {}
    info.write_text(json.dumps({**known, "colours": ENTRY}, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
