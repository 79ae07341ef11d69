"""Procedural faces: parametric cartoon faces whose Action Units, boxes and emotion are exact.

They are the data of the default that runs everywhere: no download, no licence, one seed.
"""
