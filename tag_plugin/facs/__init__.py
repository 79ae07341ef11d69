"""The vocabulary: Action Units, emotions, boxes and detections. Imports nothing above itself."""
