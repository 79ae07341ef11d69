"""Face image -> Detections, one library a file. Importing this package loads none of them."""
