"""AU regions found by an ultralytics YOLO: training it from rows, and using it as a detector.

Importing this package imports neither ultralytics (AGPL-3.0) nor torch.
"""
